"""A disk that is full or read-only, at the start and later: nothing is acknowledged falsely, no process ends, and all
goes on by itself once there is room. On a small tmpfs, which only root can mount: without, these tests are skipped."""

import shutil
import signal
import subprocess
import urllib.request

import grpc
import pytest
from harness import BINARIES, api, wait_for
from ports import free_port
from storage import SmallDisk  # of tests/torture, by harness

DISK_MIB = 24
SETTINGS = {
    "ingress": ["mqtt.enabled=false", "coap.enabled=false", "journal.min_free_bytes=4MiB", "journal.segment_bytes=1MiB",
                "dead_letters.min_free_bytes=4MiB"],
    "analytics": ["journal.min_free_bytes=4MiB"],
    "registry": [],
}
NOT_SERVING = b"\x08\x02"  # grpc.health.v1.HealthCheckResponse{status: NOT_SERVING}
SERVING = b"\x08\x01"


@pytest.fixture(name="disk")
def small_disk(tmp_path):
    try:
        disk = SmallDisk(tmp_path / "disk", DISK_MIB)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"NOT TESTED, disks that are full: cannot mount a tmpfs: {error.stderr.strip()}")
    yield disk
    disk.close()


class Service:
    """One service's process, alone, on ports that are known before it serves, with its data on the disk."""

    def __init__(self, name, disk):
        self.address = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.log = disk.directory.parent / f"{name}.log"
        settings = [f"grpc.listen={self.address}", f"metrics.listen={self.metrics}", *SETTINGS[name]]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [BINARIES[name], f"--data-dir={disk.directory}", *(f"--set={setting}" for setting in settings)], stderr=log, stdout=log)
        self.channel = grpc.insecure_channel(self.address, options=[("grpc.initial_reconnect_backoff_ms", 100),
                                                                    ("grpc.max_reconnect_backoff_ms", 500)])

    def health(self):
        """(status, reason) as grpc.health.v1 tells them; (None, "") while nobody listens."""
        # On a connection of its own: one that was refused waits before it is tried again.
        with grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                answer, call = channel.unary_unary("/grpc.health.v1.Health/Check").with_call(b"", timeout=5)
            except grpc.RpcError:
                return None, ""
        return answer, dict(call.trailing_metadata()).get("sluice-health-reason", "")

    def await_health(self, status):
        wait_for(lambda: self.health()[0] == status or self.process.poll() is not None, f"health {status} of {self.address}")
        assert self.process.poll() is None, self.log.read_text()
        return self.health()[1]

    def shows(self, line):
        """Whether the metrics hold this line."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=5) as response:
            return line in response.read().decode().splitlines()

    def stop(self):
        self.channel.close()  # an open one is given time to see the end
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(name="start")
def start_services():
    running = []

    def start(*arguments):
        running.append(Service(*arguments))
        return running[-1]

    yield start
    for service in running:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


def publish(service, number, size=1000):
    """One message of about `size` bytes; a call that fails raises."""
    request = api("telemetry_service_pb2").PublishTelemetryRequest()
    request.telemetry.add(device_id="d").readings.add(metric="n", string_value=f"{number} " + "x" * size)
    stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(service.channel)
    assert stub.PublishTelemetry(request, timeout=20).results[0].code == 0


def fetch(service):
    """The numbers of all messages that were not fetched before, in their order; acknowledges them."""
    pb, common = api("telemetry_service_pb2"), api("subscription_pb2")
    stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(service.channel)
    lag = stub.ListSubscriptions(common.ListSubscriptionsRequest()).subscriptions[0].lag_records
    stream = stub.SubscribeTelemetry(pb.SubscribeTelemetryRequest(subscription="cloud"), timeout=30)
    numbers = []
    for batch in stream:
        assert not batch.gaps
        numbers += [int(message.readings[0].string_value.split()[0]) for message in batch.telemetry]
        if len(numbers) >= lag:
            break
    stub.AcknowledgeTelemetry(common.AcknowledgeRequest(
        subscription="cloud", journal_id=batch.journal_id, epoch=batch.epoch, offset=batch.next_offset))
    stream.cancel()
    return numbers


def test_a_disk_that_gets_full_refuses_until_there_is_room(disk, start):
    ingress = start("ingress", disk)
    ingress.await_health(SERVING)
    stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(ingress.channel)
    request = api("subscription_pb2").CreateSubscriptionRequest()
    request.subscription.name = "cloud"
    stub.CreateSubscription(request)

    # Its own records reach the reserve.
    acknowledged = []
    with pytest.raises(grpc.RpcError) as full:
        while True:
            publish(ingress, len(acknowledged), size=60_000)
            acknowledged.append(len(acknowledged))
    assert full.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "the disk of" in full.value.details() and "min_free_bytes is 4194304" in full.value.details()
    assert b"google.rpc.RetryInfo" in dict(full.value.trailing_metadata())["grpc-status-details-bin"]
    assert shutil.disk_usage(disk.directory).free > 3 << 20
    assert "the disk of" in ingress.await_health(NOT_SERVING)
    assert ingress.shows("sluice_serving 0")

    # Its reader makes room, and can say so.
    assert fetch(ingress) == acknowledged
    ingress.await_health(SERVING)

    # Somebody else takes all there is, to the last byte, also what is given up for it.
    acknowledged = []

    def refused():
        disk.fill()
        try:
            publish(ingress, len(acknowledged))
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        acknowledged.append(len(acknowledged))
        return False

    wait_for(refused, "a refusal")
    ingress.await_health(NOT_SERVING)
    disk.free()
    ingress.await_health(SERVING)
    publish(ingress, len(acknowledged))
    acknowledged.append(len(acknowledged))
    assert fetch(ingress) == acknowledged
    assert ingress.stop() == 0


@pytest.mark.parametrize("name", ["ingress", "registry", "analytics"])
def test_a_start_on_a_full_disk_waits_for_room(disk, start, name):
    disk.fill()
    service = start(name, disk)
    assert "No space left on device" in service.await_health(NOT_SERVING)
    anything = service.channel.unary_unary("/sluice.v1.Anything/Do")
    with pytest.raises(grpc.RpcError) as refused:
        anything(b"", timeout=5)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "No space left on device" in refused.value.details()
    disk.free()
    service.await_health(SERVING)
    assert service.stop() == 0


def test_a_start_on_a_read_only_disk_waits_and_can_be_stopped(disk, start):
    first = start("ingress", disk)
    first.await_health(SERVING)
    assert first.stop() == 0
    subprocess.run(["mount", "-o", "remount,ro", disk.directory], check=True)
    service = start("ingress", disk)
    assert "Read-only file system" in service.await_health(NOT_SERVING)
    assert service.stop() == 0
    service = start("ingress", disk)
    service.await_health(NOT_SERVING)
    subprocess.run(["mount", "-o", "remount,rw", disk.directory], check=True)
    service.await_health(SERVING)
    assert service.stop() == 0
