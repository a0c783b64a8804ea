"""Runs the gateway for real devices: Mosquitto and the three services, on loopback, until Ctrl-C or
`./sluice down`. A service that dies is started again, with back-off.

Settings of a service: DATA_DIR/config/{ingress,registry,analytics}.yaml if there is such a file
(proto/sluice/config/v1 describes them), addresses and ports are given here. Logs: DATA_DIR/logs/.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import signal
import sys
import time

import settings
from box import Box, BINARIES, Ports
from lock import Lock, directory
from process import StartFailed

RUNNING_ALREADY = 3


def say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def port(text):
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 (a free one) to 65535")
    return number


def parse_flags():
    parser = argparse.ArgumentParser(
        prog="./sluice up", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=directory, default=".sluice",
                        help="where everything is kept (default: .sluice)")
    parser.add_argument("--free-ports", action="store_true", help="use free ports instead of the usual ones")
    parser.add_argument("--mqtt-port", type=port, help="default: 1883")
    parser.add_argument("--coap-port", type=port, help="default: 5683")
    settings.add_flags(parser)
    return parser.parse_args()


def grpcurl():
    """Where grpcurl is: on the path, or where set-up puts it; None if it is not there."""
    tools = pathlib.Path(os.environ.get("SLUICE_TOOLS", pathlib.Path.home() / ".cache/sluice/tools"))
    return shutil.which("grpcurl") or shutil.which(str(tools / "bin/grpcurl"))


def down_line(data_dir):
    """What stops the gateway of a data directory."""
    return "./sluice down" if data_dir == ".sluice" else f"./sluice down --data-dir {shlex.quote(data_dir)}"


def hints(box, data_dir):
    """Lines that work when pasted."""
    host, mqtt_port = box.mqtt.split(":")
    ctl = BINARIES["sluicectl"]
    if ctl.is_relative_to(pathlib.Path.cwd()):
        ctl = ctl.relative_to(pathlib.Path.cwd())
    ctl = f"{shlex.quote(str(ctl))} --data-dir {shlex.quote(data_dir)}"
    lines = [
        f"mosquitto_pub -h {host} -p {mqtt_port} -q 1 -t devices/thermo-1/telemetry -m '{{\"temperature\": 21.5}}'",
        f"coap-client-openssl -m post -t 50 -e '{{\"temperature\": 22.1}}' coap://{box.coap}/devices/thermo-2/telemetry",
        f"{ctl} status",
        f"{ctl} devices list",
        f"{ctl} telemetry tail --from earliest",
        f"curl -s http://{box.metrics('ingress')}/metrics | grep ^sluice_",
    ]
    if grpcurl():
        lines.append(f"{shlex.quote(grpcurl())} -plaintext -d '{{\"page_size\": 10}}' {box.grpc('registry')} "
                     "sluice.v1.RegistryService/ListDevices")
    return "\n".join([
        "", f"Sluice is up. Ctrl-C or `{down_line(data_dir)}` stops it. Try, in another terminal:", "",
        *(f"  {line}" for line in lines), ""])


class Stopped(Exception):
    """SIGINT or SIGTERM came while the box was being started."""


def run(box, data_dir):
    """Starts all, restarts what dies, and stops all at SIGINT or SIGTERM; returns the exit code."""
    stopping = []

    def stop_start(number, frame):
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop_start)
    try:
        box.start(say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda got, frame: stopping.append(got))
    except StartFailed as failure:
        print(f"sluice: {failure}", file=sys.stderr)
        return 1
    except Stopped:
        box.stop()
        say("stopped while starting")
        return 1
    print(hints(box, data_dir), flush=True)
    while not stopping:
        box.watch(say)
        time.sleep(0.1)
    say("stopping")
    codes = box.stop()
    bad = {name: code for name, code in codes.items() if code != 0}
    say(f"stopped; exit codes {bad}" if bad else "stopped")
    return 1 if bad else 0


def main():
    flags = parse_flags()
    data_dir = pathlib.Path(flags.data_dir)
    lock = Lock(data_dir)
    try:
        holder = lock.acquire()
    except OSError as error:
        print(f"sluice: the data directory {data_dir} cannot be used: {error}", file=sys.stderr)
        return 1
    if holder is not None:
        print(f"sluice: running already in {data_dir} (pid {holder}); {down_line(flags.data_dir)} stops it",
              file=sys.stderr)
        return RUNNING_ALREADY

    wanted = Ports.free() if flags.free_ports else Ports()
    if flags.mqtt_port is not None:
        wanted.mqtt = flags.mqtt_port
    if flags.coap_port is not None:
        wanted.coap = flags.coap_port
    box = Box(data_dir, wanted, settings.by_service(flags.settings), flags.mqtt_source)
    return run(box, flags.data_dir)


if __name__ == "__main__":
    sys.exit(main())
