"""Each service as a process: health, reflection, metrics, logs, settings, signals, a clean end."""

import json
import os
import signal
import socket
import subprocess
import urllib.request

import grpc
import pytest
from harness import BINARIES, wait_for

SERVICES = {
    "registry": ["sluice.v1.RegistryService", "sluice.v1.CommandService"],
    "ingress": ["sluice.v1.TelemetryService"],
    "analytics": ["sluice.v1.AnalyticsService"],
}
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse{status: SERVING}


def health(channel, name):
    """Calls grpc.health.v1 for one service name; returns the response's bytes."""
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    return check(bytes([10, len(name)]) + name.encode() if name else b"", timeout=5)


@pytest.mark.parametrize("service", SERVICES)
def test_health_of_every_service_name(box, service):
    with grpc.insecure_channel(box.grpc(service)) as channel:
        for name in ["", *SERVICES[service]]:
            assert health(channel, name) == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            health(channel, "sluice.v1.Nonsense")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service", SERVICES)
def test_reflection_lists_the_services(box, service):
    with grpc.insecure_channel(box.grpc(service)) as channel:
        call = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        list_services = bytes([7 << 3 | 2, 1]) + b"*"
        answer = next(call(iter([list_services]), timeout=5))
    for name in SERVICES[service]:
        assert name.encode() in answer


@pytest.mark.parametrize("service", SERVICES)
def test_metrics(box, service):
    with urllib.request.urlopen(f"http://{box.metrics(service)}/metrics", timeout=5) as response:
        text = response.read().decode()
    assert "\nsluice_" in text or text.startswith("sluice_")


def run(service, *flags):
    return subprocess.run([BINARIES[service], *flags], capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("service", SERVICES)
class TestWrongSettings:
    """Each is one line on stderr that names what is wrong and where, and a non-zero exit."""

    def expect(self, result, code, *parts):
        assert result.returncode == code, result.stderr
        assert all(part in result.stderr for part in parts), result.stderr

    def test_unknown_key(self, service, tmp_path):
        config = tmp_path / "box.yaml"
        config.write_text("log:\n  level: info\n  colour: red\n")
        self.expect(run(service, f"--config={config}"), 2, f"{config}:3: log.colour: unknown key")

    def test_wrong_type(self, service, tmp_path):
        config = tmp_path / "box.yaml"
        config.write_text("grpc:\n  max_streams: lots\n")
        self.expect(run(service, f"--config={config}"), 2, f"{config}:2: grpc.max_streams: must be a whole number")

    def test_out_of_range(self, service):
        self.expect(run(service, "--set=grpc.max_streams=0"), 2, "grpc.max_streams")

    def test_missing_file(self, service, tmp_path):
        self.expect(run(service, f"--config={tmp_path}/none.yaml"), 2, "none.yaml")

    def test_not_loopback(self, service):
        self.expect(run(service, "--set=grpc.listen=0.0.0.0:0"), 2, "grpc.listen", "loopback")

    def test_port_taken(self, service, tmp_path):
        with socket.socket() as owner:
            owner.bind(("127.0.0.1", 0))
            owner.listen()
            port = owner.getsockname()[1]
            flags = [f"--data-dir={tmp_path}/data", f"--set=grpc.listen=127.0.0.1:{port}", "--set=metrics.listen="]
            if service == "ingress":
                flags += ["--set=coap.listen=127.0.0.1:0", "--set=mqtt.enabled=false"]
            self.expect(run(service, *flags), 1, str(port), f"(pid {os.getpid()})")

    def test_data_directory_not_writable(self, service):
        self.expect(run(service, "--data-dir=/proc/nowhere"), 1, "data directory /proc/nowhere")

    def test_data_directory_in_use(self, service, box):
        flags = [f"--data-dir={box.data_dir / service}", "--set=grpc.listen=127.0.0.1:0"]
        self.expect(run(service, *flags), 1, f"in use by the process with pid {box.processes[service].pid}")


def test_coap_port_taken(tmp_path):
    with socket.socket(type=socket.SOCK_DGRAM) as owner:
        owner.bind(("127.0.0.1", 0))
        port = owner.getsockname()[1]
        result = run("ingress", f"--data-dir={tmp_path}/data", "--set=grpc.listen=127.0.0.1:0", "--set=metrics.listen=",
                     "--set=mqtt.enabled=false", f"--set=coap.listen=127.0.0.1:{port}")
    assert result.returncode == 1
    assert str(port) in result.stderr and f"(pid {os.getpid()})" in result.stderr


def test_json_logs_level_at_run_time_and_graceful_end(tmp_path):
    config, log = tmp_path / "registry.yaml", tmp_path / "log"
    config.write_text("log: {format: json, level: warn}\n")
    with open(log, "wb") as stderr:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [BINARIES["registry"], f"--config={config}", f"--data-dir={tmp_path}/data",
             "--set=grpc.listen=127.0.0.1:0", "--set=metrics.listen="], stderr=stderr)
    try:
        wait_for((tmp_path / "data/endpoints.json").exists, "endpoints.json")
        assert log.read_text() == ""
        config.write_text("log: {format: json, level: debug}\n")
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: "log level is debug now" in log.read_text(), "word of the new level")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) > 1
    assert all({"time", "level", "thread", "message"} <= set(line) for line in lines)


def test_says_that_records_are_damaged_and_nothing_of_bad_messages(tmp_path):
    def ingress():
        return subprocess.Popen(
            [BINARIES["ingress"], f"--data-dir={tmp_path}", "--set=grpc.listen=127.0.0.1:0", "--set=log.format=json",
             "--set=metrics.listen=", "--set=mqtt.enabled=false", "--set=coap.enabled=false"],
            stderr=subprocess.PIPE, text=True)

    def call(request):
        endpoints = tmp_path / "endpoints.json"
        wait_for(endpoints.exists, "endpoints.json")
        with grpc.insecure_channel(json.loads(endpoints.read_text())["grpc"]) as channel:
            channel.unary_unary("/sluice.v1.TelemetryService/PublishTelemetry")(request, timeout=5, wait_for_ready=True)

    first = ingress()
    call(b"\x0a\x0f\x12\x03cup\x3a\x08\x0a\x04temp\x18\x05")  # the device cup reads temp = 5
    with pytest.raises(grpc.RpcError):
        call(b"\x0a\x04\x12\x02\xff\xfe")  # a device id that is no UTF-8
    first.terminate()
    for line in first.communicate(timeout=20)[1].splitlines():
        json.loads(line)

    segment = next((tmp_path / "telemetry").glob("*.seg"))
    damaged = bytearray(segment.read_bytes())
    damaged[damaged.index(b"cup")] ^= 1
    segment.write_bytes(damaged)
    (tmp_path / "endpoints.json").unlink(missing_ok=True)
    second = ingress()
    wait_for((tmp_path / "endpoints.json").exists, "endpoints.json")
    second.terminate()
    assert "telemetry: 1 records cannot be read" in second.communicate(timeout=20)[1]
