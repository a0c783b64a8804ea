"""Who else speaks in a round: a caller, a device that wants receipts, and the cloud that subscribes."""

import contextlib
import subprocess
import threading

import grpc

from account import digest
from harness import api, value_of

METRIC = "count"
PUBLISH_INTERVAL_S = 0.02
RETRY_S = 0.2
ACKNOWLEDGE_INTERVAL_S = 0.2
# A channel comes back this soon after its server did. It asks for the address anew first.
CHANNEL = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500),
           ("grpc.dns_min_time_between_resolutions_ms", 100), ("grpc.max_receive_message_length", 16 << 20)]


def readings_of(telemetry):
    """As account.digest() takes them."""
    return [(r.metric, value_of(r), r.time.ToMicroseconds() if r.HasField("time") else None) for r in telemetry.readings]


def identify(telemetry):
    """(device, id) of a message: its tag (tools/fleetsim/signal.h), or the caller's number."""
    value = value_of(telemetry.readings[0]) if telemetry.readings else 0
    number = value if isinstance(value, int) else round(abs(value) * 1e12) % 1_000_000_000 if isinstance(value, float) else 0
    return telemetry.device_id, number


class Publisher(threading.Thread):
    """Publishes one message after the other, each until it is taken or refused, under its number as the message's id. So each
    has one effect."""

    device = ""  # its name, too

    def __init__(self):
        super().__init__(name=self.device, daemon=True)
        self._lock = threading.Lock()
        self._news = []
        self._stop_asked = threading.Event()
        self.acknowledgements = 0

    def run(self):
        number = 0
        while not self._stop_asked.wait(PUBLISH_INTERVAL_S):
            number += 1
            self._tell("sent", number)
            while (outcome := self.publish(number)) is None:
                if self._stop_asked.wait(RETRY_S):
                    return
            self._tell(outcome, number)

    def publish(self, number):
        """Tries once; returns "acknowledged", "refused", or None: not now."""
        raise NotImplementedError

    def _tell(self, event, number):
        with self._lock:
            self._news.append((event, number))

    def catch_up(self, account):
        with self._lock:
            news, self._news = self._news, []
        for event, number in news:
            key = self.device, number
            if event == "sent":
                account.sent[key] = digest([(METRIC, number, None)])
            elif event == "acknowledged":
                account.acknowledged[key] = "gateway"
                self.acknowledgements += 1
            else:
                account.refused[key] = event

    def running(self):
        return self.is_alive()

    def stop(self):
        self._stop_asked.set()
        self.join(30)

    kill = stop


class Caller(Publisher):
    """By gRPC."""

    device = "caller"

    def __init__(self, address):
        super().__init__()
        self._channel = grpc.insecure_channel(address, CHANNEL)
        self._stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(self._channel)

    def publish(self, number):
        request = api("telemetry_service_pb2").PublishTelemetryRequest()
        request.telemetry.add(device_id=self.device, message_id=str(number)).readings.add(metric=METRIC, int_value=number)
        try:
            code = self._stub.PublishTelemetry(request, timeout=20).results[0].code
        except grpc.RpcError:
            return None
        if code == 0:
            return "acknowledged"
        # RESOURCE_EXHAUSTED and UNAVAILABLE: not now.
        return None if code in (8, 14) else "refused"

    def stop(self):
        super().stop()
        self._channel.close()

    kill = stop


class ReceiptDevice(Publisher):
    """By MQTT 5 at the box's broker, with a client that is not ours. What has no receipt does not count as acknowledged."""

    device = "receipts"

    def __init__(self, address):
        super().__init__()
        host, port = address.split(":")
        topic = f"devices/{self.device}"
        self._command = ["mosquitto_rr", "-h", host, "-p", port, "-i", self.device, "-V", "5", "-q", "1", "-W", "3",
                         "-t", f"{topic}/telemetry", "-e", f"{topic}/receipts", "-D", "publish", "user-property", "id"]

    def publish(self, number):
        words = [*self._command, str(number), "-D", "publish", "correlation-data", str(number), "-m", f'{{"{METRIC}": {number}}}']
        try:
            heard = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False).stdout
        except subprocess.TimeoutExpired:
            return None
        return "acknowledged" if '"offset"' in heard else "refused" if '"error"' in heard else None


class Cloud:
    """The subscriber. It keeps what it is shown, and acknowledges that then; when it crashes it forgets what it has not
    kept."""

    def __init__(self, address, subscription="cloud"):
        self._channel = grpc.insecure_channel(address, CHANNEL)
        self._stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(self._channel)
        self._subscription = subscription
        self._lock = threading.Lock()
        self._shown, self._kept = [], []
        self._position = None  # (journal id, epoch, next offset) behind all that was shown
        self._stream = None
        # The highest offset whose acknowledgement was answered: ever, and before the stream was opened.
        self._acknowledged = self._stream_from = 0
        self._stopping = threading.Event()
        self._may_read = threading.Event()
        self._may_read.set()
        self._journal_id = None
        self._offsets_seen = self._kept_end = 0
        self.redelivered = self.streams = 0
        self.faults = []  # what it was shown and should not have been
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._acknowledge)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def _read(self):
        request = api("telemetry_service_pb2").SubscribeTelemetryRequest(subscription=self._subscription)
        request.start.resume.SetInParent()
        while not self._stopping.is_set():
            with self._lock:
                self._stream_from = self._acknowledged
                self._stream = stream = self._stub.SubscribeTelemetry(request)
            self.streams += 1
            try:
                for response in stream:
                    self._take(stream, response)
                    self._may_read.wait()
            except grpc.RpcError:
                self._stopping.wait(RETRY_S)

    def _take(self, stream, response):
        with self._lock:
            if stream is not self._stream:
                return  # it has crashed since
            self._look(response)
            self._shown += response.telemetry
            self._position = (response.journal_id, response.epoch, response.next_offset)

    def _look(self, response):
        if self._journal_id not in (None, response.journal_id):
            self.faults.append(f"the journal's id changed from {self._journal_id} to {response.journal_id}")
        self._journal_id = response.journal_id
        for gap in response.gaps:
            self.faults.append(f"a gap from offset {gap.from_offset} to {gap.to_offset}, reason {gap.reason}")
        if response.telemetry and response.telemetry[0].offset < self._stream_from:
            self.faults.append(f"offset {response.telemetry[0].offset}, though all below {self._stream_from} was acknowledged")
        for telemetry in response.telemetry:
            self.redelivered += telemetry.offset < self._offsets_seen
            self._offsets_seen = max(self._offsets_seen, telemetry.offset + 1)

    def _acknowledge(self):
        while not self._stopping.wait(ACKNOWLEDGE_INTERVAL_S):
            with self._lock:
                position, self._position = self._position, None
                self._kept += self._shown
                self._shown = []
            if position is None:
                continue
            journal_id, epoch, offset = position
            request = api("subscription_pb2").AcknowledgeRequest(
                subscription=self._subscription, journal_id=journal_id, epoch=epoch, offset=offset)
            with contextlib.suppress(grpc.RpcError):  # then it is shown again
                self._stub.AcknowledgeTelemetry(request, timeout=20)
                with self._lock:
                    self._acknowledged = max(self._acknowledged, offset)

    def catch_up(self, account):
        """Takes over what it has kept since the last time."""
        with self._lock:
            kept, self._kept = self._kept, []
        for telemetry in kept:
            account.receive(identify(telemetry), digest(readings_of(telemetry)), telemetry.offset < self._kept_end)
            self._kept_end = max(self._kept_end, telemetry.offset + 1)

    def stop(self):
        self._stopping.set()
        self._may_read.set()
        self._channel.close()
        for thread in self._threads:
            thread.join(10)

    # -- what may happen to it -----------------------------------------------------------------------

    def pause(self):
        """It reads no further, as if it were too slow."""
        self._may_read.clear()

    def resume(self):
        self._may_read.set()

    def crash(self):
        """It loses its stream and what it has not kept, and comes back."""
        with self._lock:
            self._shown, self._position = [], None
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
        self._may_read.set()
