"""How long a reading takes from the device's publish to a gRPC subscriber, durable on its way, at 10,000 messages/s: no longer
(p99) than a bare Paho callback, two fdatasyncs and a gRPC echo take together.

    ./sluice bench latency [--rounds 5]
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import case
import ways
from box import BIN
from case import Arm, Column, Goal, figure


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def fdatasync(flags):
    """Of a file that 4 KiB are appended to, on the disk of the boxes."""
    times = []
    with tempfile.TemporaryFile(prefix="sluice-bench-") as file:
        for _ in range(50 if flags.quick else 1000):
            os.write(file.fileno(), b"x" * 4096)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - began) * 1000)
            time.sleep(0.001)
    return {"p50_ms": sorted(times)[len(times) // 2], "p99_ms": p99(times)}


def echo(flags):
    """A unary call to a server that answers with the same message, one at a time."""
    report = subprocess.run([BIN / "bench/echo_latency", "50" if flags.quick else "5000"], check=True, capture_output=True, text=True).stdout
    return json.loads(report)


def bare_paho(flags):
    with ways.running(ways.PAHO) as place:
        load = place.offer(flags, flags.rate, 0 if flags.quick else 3, 1 if flags.quick else flags.seconds)
        counts = place.latencies()
        return {"p50_ms": ways.percentile_ms(counts, 0.5), "p99_ms": ways.percentile_ms(counts, 0.99), "per_s": load.sent_per_s,
                "others_cores": load.spent.others_cores}


def sluice(flags):
    with ways.running(ways.SLUICE_CLOUD) as place:
        load = place.offer(flags, flags.rate, 0 if flags.quick else 3, 1 if flags.quick else flags.seconds)
        latency = load.report["latency_us"]
        return {"p50_ms": latency["p50"] / 1000, "p99_ms": latency["p99"] / 1000, "per_s": load.sent_per_s, "others_cores": load.spent.others_cores,
                "problems": [f"{load.report['lost']} messages did not arrive"] if load.report["lost"] else []}


def beyond(of_round):
    paho, disk, call, mine = (figure(of_round.get(name), "p99_ms") for name in ("paho", "fdatasync", "echo", "sluice"))
    return mine - (paho + 2 * disk + call) if None not in (paho, disk, call, mine) else None


def main():
    parser = case.arguments("latency", __doc__)
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="how long each is measured (default: %(default)s)")
    parser.set_defaults(devices=1000, qos=1)
    arms = [Arm("paho", "device to a bare Paho callback (in steps of 1 ms)", bare_paho), Arm("fdatasync", "fdatasync of 4 KiB", fdatasync), Arm("echo", "gRPC echo", echo),
            Arm("sluice", "device to a subscriber of Sluice", sluice)]
    columns = [Column("p50, ms", "p50_ms", 2), Column("p99, ms", "p99_ms", 2), Column("messages/s", "per_s")]
    goals = [Goal("Sluice's p99 beyond Paho + 2 fdatasyncs + echo, ms", beyond, at_most=0)]
    return case.run("latency", "Latency", parser, arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
