"""Starts a box on the image of a disk whose power was cut, and says what of the promised messages is missing.

    unshare --mount tests/torture/recover.py IMAGE PROMISED.json

Must run in a mount namespace of its own: it mounts the image, and puts another boot's id in place of the kernel's.
"""

import json
import pathlib
import sys
import uuid

import grpc

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools/box"), str(ROOT / "tests/integration")]

import stage  # noqa: E402  pylint: disable=wrong-import-position
from account import Account, digest  # noqa: E402  pylint: disable=wrong-import-position
from callers import CHANNEL, identify, readings_of  # noqa: E402  pylint: disable=wrong-import-position
from harness import api  # noqa: E402  pylint: disable=wrong-import-position
from storage import run  # noqa: E402  pylint: disable=wrong-import-position


def mount(image, scratch):
    """Where the image's content is."""
    boot = scratch / "boot_id"
    boot.write_text(f"{uuid.uuid4()}\n")
    run("mount", "--bind", boot, "/proc/sys/kernel/random/boot_id")
    directory = scratch / "recovered"
    directory.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, directory)
    return directory


def missing_from(box, promised):
    """Those of promised, {(device, id): digest}, that do not come, or come with other readings."""
    account, missing = Account(), dict(promised)
    request = api("telemetry_service_pb2").SubscribeTelemetryRequest()
    request.start.earliest.SetInParent()
    with grpc.insecure_channel(box.grpc("ingress"), CHANNEL) as channel:
        stub = api("telemetry_service_pb2_grpc").TelemetryServiceStub(channel)
        while missing:
            before = len(account.received)
            try:
                for response in stub.SubscribeTelemetry(request, timeout=stage.SILENCE_S):
                    for telemetry in response.telemetry:
                        key, content = identify(telemetry), digest(readings_of(telemetry))
                        account.receive(key, content)
                        if missing.get(key) == content:
                            del missing[key]
                    if not missing:
                        break
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise
            if len(account.received) == before:
                break
    return list(missing)


def main():
    image, promised = map(pathlib.Path, sys.argv[1:])
    promised = {(device, number): content for device, number, content in json.loads(promised.read_text())}
    box = stage.Box(mount(image, image.parent), stage.Ports.free(), stage.settings())
    box.start(names=("mosquitto", "registry", "ingress"))
    try:
        print(json.dumps({"missing": missing_from(box, promised)}))
    finally:
        box.stop()


if __name__ == "__main__":
    main()
