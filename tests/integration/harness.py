"""What the integration tests share: the tree, a running box, clients and waiting for conditions."""

import atexit
import functools
import importlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import grpc

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools/box"), str(ROOT / "tests/torture")]

import waiting  # noqa: E402  pylint: disable=wrong-import-position
from box import BINARIES, Box, Ports  # noqa: E402  pylint: disable=wrong-import-position

PYTHON = sys.executable
WAIT_S = 20.0
wait_for = functools.partial(waiting.wait_for, timeout_s=WAIT_S)


def _generate_stubs():
    """Makes the Python classes of the API in a directory of this run."""
    out = tempfile.mkdtemp(prefix="sluice-stubs-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    protos = sorted((ROOT / "proto/sluice/v1").glob("*.proto"))
    subprocess.run(
        ["/usr/bin/protoc", "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", f"-I{ROOT / 'proto'}",
         f"--python_out={out}", f"--grpc_out={out}", *map(str, protos)], check=True)
    sys.path.insert(0, out)


_generate_stubs()


def api(module):
    """A generated module, e.g. api('device_pb2')."""
    return importlib.import_module(f"sluice.v1.{module}")


class Clients:
    """Stubs of a box's services."""

    def __init__(self, box):
        self._channels = {name: grpc.insecure_channel(box.grpc(name)) for name in ("ingress", "registry", "analytics")}
        self.telemetry = api("telemetry_service_pb2_grpc").TelemetryServiceStub(self._channels["ingress"])
        self.registry = api("registry_service_pb2_grpc").RegistryServiceStub(self._channels["registry"])
        self.commands = api("command_service_pb2_grpc").CommandServiceStub(self._channels["registry"])
        self.analytics = api("analytics_service_pb2_grpc").AnalyticsServiceStub(self._channels["analytics"])

    def close(self):
        for channel in self._channels.values():
            channel.close()


def start_box(data_dir, settings=None):
    box = Box(data_dir, Ports.free(), settings)
    box.start()
    return box


def sluicectl(box, *arguments, check=True):
    """Runs sluicectl against a box; returns the finished process."""
    result = subprocess.run(
        [BINARIES["sluicectl"], "--data-dir", box.data_dir, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False)
    assert not check or result.returncode == 0, result.stderr
    return result


def sluicectl_json(box, *arguments):
    """The objects that sluicectl prints with --json."""
    return [json.loads(line) for line in sluicectl(box, "--json", *arguments).stdout.splitlines()]


def mosquitto_pub(box, topic, payload, *flags):
    """Publishes by a client that is not ours; payload may be bytes."""
    host, port = box.mqtt.split(":")
    data = payload if isinstance(payload, bytes) else payload.encode()
    return subprocess.run(["mosquitto_pub", "-h", host, "-p", port, "-t", topic, "-s", *flags],
                          input=data, capture_output=True, timeout=30, check=False)


def coap_client(box, method, path, payload=None, *flags):
    """Calls by libcoap's client; returns what it prints (errors on stderr as `4.04 …`)."""
    command = ["coap-client-openssl", "-B", "10", "-m", method, *flags]
    with tempfile.NamedTemporaryFile() as file:
        if payload is not None:
            file.write(payload if isinstance(payload, bytes) else payload.encode())
            file.flush()
            command += ["-f", file.name]
        return subprocess.run([*command, f"coap://{box.coap}{path}"], capture_output=True, timeout=30,
                              text=True, check=False)


def telemetry_from(clients, device_id, count, timeout_s=WAIT_S):
    """The first `count` messages of a device, from the beginning of the journal."""
    request = api("telemetry_service_pb2").SubscribeTelemetryRequest()
    request.start.earliest.SetInParent()
    request.filter.device_ids.append(device_id)
    found = []
    stream = clients.telemetry.SubscribeTelemetry(request, timeout=timeout_s)
    try:
        for response in stream:
            found += response.telemetry
            if len(found) >= count:
                return found
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    finally:
        stream.cancel()
    raise AssertionError(f"{len(found)} of {count} messages of {device_id} within {timeout_s} s")


def dead_letters(clients):
    """All of them."""
    request = api("telemetry_service_pb2").ListDeadLettersRequest(page_size=1000)
    found = []
    while True:
        page = clients.telemetry.ListDeadLetters(request)
        found += page.dead_letters
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def value_of(reading):
    """The value of a reading, whatever its type."""
    return getattr(reading, reading.WhichOneof("value"))


def metric(box, name, **labels):
    """A metric of ingress, summed over the labels that are not given; 0 if it is not there."""
    with urllib.request.urlopen(f"http://{box.metrics('ingress')}/metrics", timeout=10) as response:
        page = response.read().decode()
    total = 0
    for line in page.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and all(f'{key}="{value}"' in (found[2] or "") for key, value in labels.items()):
            total += float(found[3])
    return total


def environment():
    """This process's environment without what could change a child's output."""
    return {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "SLUICE_TOOLS")}
