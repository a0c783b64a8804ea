"""Runs the gateway for real devices: Mosquitto and the three services, on loopback, until Ctrl-C or
`./sluice down`. A service that dies is started again, with back-off.

Settings of a service: DATA_DIR/config/{ingress,registry,analytics}.yaml if there is such a file
(proto/sluice/config/v1 describes them), addresses and ports are given here. Logs: DATA_DIR/logs/.
"""

import argparse
import pathlib
import signal
import sys
import time

from box import Box, BINARIES, Ports
from lock import Lock
from process import StartFailed

RUNNING_ALREADY = 3


def say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def parse_flags():
    parser = argparse.ArgumentParser(
        prog="./sluice up", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default=".sluice", help="where everything is kept (default: .sluice)")
    parser.add_argument("--free-ports", action="store_true", help="use free ports instead of the usual ones")
    parser.add_argument("--mqtt-port", type=int, help="default: 1883")
    parser.add_argument("--coap-port", type=int, help="default: 5683")
    return parser.parse_args()


def hints(box, data_dir):
    """Lines that work when pasted."""
    host, mqtt_port = box.mqtt.split(":")
    ctl = f"{BINARIES['sluicectl'].relative_to(pathlib.Path.cwd())} --data-dir {data_dir}" \
        if BINARIES["sluicectl"].is_relative_to(pathlib.Path.cwd()) else \
        f"{BINARIES['sluicectl']} --data-dir {data_dir}"
    return f"""
Sluice is up. Ctrl-C or `./sluice down` stops it. Try, in another terminal:

  mosquitto_pub -h {host} -p {mqtt_port} -q 1 -t devices/thermo-1/telemetry -m '{{"temperature": 21.5}}'
  coap-client-openssl -m post -t 50 -e '{{"temperature": 22.1}}' coap://{box.coap}/devices/thermo-2/telemetry
  {ctl} status
  {ctl} devices list
  {ctl} telemetry tail --from earliest
  grpcurl -plaintext -d '{{"page_size": 10}}' {box.grpc('registry')} sluice.v1.RegistryService/ListDevices
  curl -s http://{box.metrics('ingress')}/metrics | grep ^sluice_
"""


def main():
    flags = parse_flags()
    data_dir = pathlib.Path(flags.data_dir)
    lock = Lock(data_dir)
    holder = lock.acquire()
    if holder is not None:
        print(f"sluice: running already in {data_dir} (pid {holder}); ./sluice down stops it", file=sys.stderr)
        return RUNNING_ALREADY

    wanted = Ports.free() if flags.free_ports else Ports()
    if flags.mqtt_port is not None:
        wanted.mqtt = flags.mqtt_port
    if flags.coap_port is not None:
        wanted.coap = flags.coap_port

    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, frame: stopping.append(got))

    box = Box(data_dir, wanted)
    try:
        box.start(say)
    except StartFailed as failure:
        print(f"sluice: {failure}", file=sys.stderr)
        return 1
    print(hints(box, flags.data_dir), flush=True)
    while not stopping:
        box.watch(say)
        time.sleep(0.1)
    say("stopping")
    codes = box.stop()
    bad = {name: code for name, code in codes.items() if code != 0}
    say(f"stopped; exit codes {bad}" if bad else "stopped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
