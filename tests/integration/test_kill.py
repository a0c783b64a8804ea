"""kill -9 of each service in turn under load: it comes back by itself, and nothing acknowledged is lost."""

import json
import signal
import subprocess
import threading
import time

import grpc
import pytest
from harness import BINARIES, Clients, api, start_box, telemetry_from, value_of

RATE = 1000


class Publisher(threading.Thread):
    """Publishes by gRPC, one message after the other, and keeps what was acknowledged."""

    def __init__(self, box, device_id):
        super().__init__(daemon=True)
        self.acknowledged = []
        self.device_id = device_id
        self._address = box.grpc("ingress")
        self._stop_asked = threading.Event()

    def run(self):
        pb = api("telemetry_service_pb2")
        with grpc.insecure_channel(self._address) as channel:
            stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(channel)
            number = 0
            while not self._stop_asked.wait(0.01):
                number += 1
                request = pb.PublishTelemetryRequest()
                request.telemetry.add(device_id=self.device_id).readings.add(metric="n", int_value=number)
                try:
                    result = stub.PublishTelemetry(request, timeout=5).results[0]
                except grpc.RpcError:
                    continue  # not acknowledged
                if result.code == 0:
                    self.acknowledged.append(number)

    def stop(self):
        self._stop_asked.set()
        self.join(20)


@pytest.fixture(scope="module")
def watched_box(tmp_path_factory):
    """A box whose supervisor loop runs, as in ./sluice up; `kill(name)` kills one of its processes."""
    box = start_box(tmp_path_factory.mktemp("killed"))
    yield box
    box.stop()


def run_fleet(box, report, seconds, on_tick):
    """Drives a fleet and supervises the box until the fleet has ended; returns its report."""
    command = [
        BINARIES["fleetsim"], "run", "--mqtt", box.mqtt, "--mqtt-devices", "40", "--coap", box.coap, "--coap-devices", "20",
        "--rate", str(RATE), "--duration", f"{seconds}s", "--subscribe", box.grpc("ingress"), "--insights",
        box.grpc("analytics"), "--report", report, "--settle", "20s", "--id-prefix", report.stem,
    ]
    # Processes of the box are restarted on this thread: they end when the thread that started them does.
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True) as fleet:
        words = []
        reader = threading.Thread(target=lambda: words.extend(fleet.stderr), daemon=True)
        reader.start()
        started = time.monotonic()
        while fleet.poll() is None:
            assert time.monotonic() - started < seconds + 90, "the fleet did not end"
            on_tick(time.monotonic() - started)
            box.watch(lambda line: None)
            time.sleep(0.05)
        reader.join(5)
    return fleet.returncode, json.loads(report.read_text()), "".join(words[-20:])


@pytest.mark.parametrize("victim", ["ingress", "registry", "analytics", "mosquitto"])
def test_kill_9(watched_box, victim, tmp_path):
    """What Mosquitto had acknowledged and not handed on yet is the one thing that may be gone, with it."""
    killed = []

    def kill_once_it_flows(elapsed_s):
        if elapsed_s > 4 and not killed:
            killed.append(watched_box.processes[victim].pid)
            watched_box.processes[victim].signal(signal.SIGKILL)

    publisher = Publisher(watched_box, f"caller-{victim}")
    publisher.start()
    code, report, words = run_fleet(watched_box, tmp_path / f"{victim}.json", 12, kill_once_it_flows)
    assert killed and watched_box.processes[victim].pid != killed[0]
    assert report["acknowledged"] > RATE * 4, report
    assert report["coap"]["lost"] == 0, report
    if victim != "mosquitto":
        assert report["lost"] == 0, report
        assert code == 0, f"{report}\n{words}"
    publisher.stop()
    clients = Clients(watched_box)
    kept = {value_of(m.readings[0]) for m in telemetry_from(clients, publisher.device_id, len(publisher.acknowledged))}
    clients.close()
    assert len(publisher.acknowledged) > 100
    assert kept.issuperset(publisher.acknowledged)
