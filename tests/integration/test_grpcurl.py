"""grpcurl lists, describes and calls every service by reflection alone."""

import json
import os
import pathlib
import subprocess

import pytest

GRPCURL = pathlib.Path(os.environ.get("SLUICE_TOOLS", pathlib.Path.home() / ".cache/sluice/tools")) / "bin/grpcurl"

pytestmark = pytest.mark.skipif(not GRPCURL.exists(), reason="grpcurl is not installed: ./sluice setup says why")

CALLS = {
    "sluice.v1.RegistryService": ("registry", "ListDevices", {"page_size": 5}),
    "sluice.v1.CommandService": ("registry", "GetCommand", {"command_id": "none"}),
    "sluice.v1.TelemetryService": ("ingress", "ListSubscriptions", {}),
    "sluice.v1.AnalyticsService": ("analytics", "ListSeries", {}),
}


def grpcurl(*arguments):
    return subprocess.run([GRPCURL, "-plaintext", *arguments], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("name", CALLS)
def test_by_reflection_alone(box, name):
    service, method, request = CALLS[name]
    address = box.grpc(service)
    assert name in grpcurl(address, "list").stdout
    listed = grpcurl(address, "list", name).stdout.split()
    assert f"{name}.{method}" in listed
    for method_name in listed:
        assert "rpc" in grpcurl(address, "describe", method_name).stdout
    result = grpcurl("-d", json.dumps(request), address, f"{name}/{method}")
    if method == "GetCommand":
        assert "NotFound" in result.stderr
    else:
        assert result.returncode == 0, result.stderr
        json.loads(result.stdout)


def test_publish_and_health(box):
    message = {"telemetry": [{"device_id": "curl-1", "readings": [{"metric": "t", "double_value": 1.5}]}]}
    result = grpcurl("-d", json.dumps(message), box.grpc("ingress"), "sluice.v1.TelemetryService/PublishTelemetry")
    assert "offset" in json.loads(result.stdout)["results"][0]
    for service in ("ingress", "registry", "analytics"):
        assert "SERVING" in grpcurl(box.grpc(service), "grpc.health.v1.Health/Check").stdout
