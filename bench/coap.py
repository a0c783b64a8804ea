"""What a CoAP CON POST costs, acknowledged when it is fsynced, beside a bare libcoap server that answers 2.04 at once.

    ./sluice bench coap [--rounds 5] [--json DIR]

So many sources send as fast as acknowledgements come, each from an address of its own, with one request at a time unless
--inflight says otherwise. The bare server runs twice: with as few idle sessions as sluice-ingress keeps, and with all of
them, as libcoap does by itself. Exits 0 if all could be measured and no message was refused or lost.
"""

import functools
import pathlib
import shutil
import socket
import tempfile

import case
import fleet
import usage
from box import BIN, Box, Ports
from process import Process, StartFailed

SOURCES = (500, 2_000, 10_000)
# As coap.max_idle_sessions of ingress.
IDLE_SESSIONS = 64


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def load(flags, address, sources, pids, directory):
    """What a fleet of so many sources gets from the server at this address, as figures."""
    of_coap = ["--coap", address, "--coap-devices", sources, "--spread-sources", "--coap-inflight", flags.inflight, "--rate", 0]
    result = fleet.run(of_coap, pids, directory / "report.json", flags.warm_up, flags.seconds)
    server = next(iter(pids))
    latency = result.report["acknowledge_latency_us"]
    problems = [f"{count} times {what}" for what, count in result.report["errors"].items()]
    return {
        "acknowledged_per_s": result.acknowledged_per_s, "cpu_us": result.spent.cpu_us(result.acknowledged),
        "cores": result.spent.cores(), "server_cpu_us": result.spent.cpu_us(result.acknowledged)[server],
        "switches_per_1000": {name: count * 1000 / max(1, result.acknowledged) for name, count in result.spent.switches.items()},
        "p50_us": latency["p50"], "p99_us": latency["p99"], "retransmissions": result.report["coap_retransmissions"],
        "rss_mib": usage.memory_mib(pids[server])[0], "others_cores": result.spent.others_cores, "problems": problems,
    }


def bare(sources, idle_sessions, flags):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    port = free_udp_port()
    server = Process("bare_coap", [BIN / "bench/bare_coap", port, idle_sessions, directory / "ready"], directory / "bare_coap.log")
    try:
        server.start()
        server.await_condition((directory / "ready").exists, "socket")
        return load(flags, f"127.0.0.1:{port}", sources, {"bare_coap": server.pid}, directory)
    finally:
        server.stop()
        shutil.rmtree(directory)


def ours(sources, flags):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    box = Box(directory, Ports.free(), settings={"ingress": [f"coap.max_idle_sessions={IDLE_SESSIONS}"]})
    try:
        box.start(names=("mosquitto", "registry", "ingress"))
        pids = {name: box.processes[name].pid for name in ("ingress", "registry")}
        return load(flags, box.coap, sources, pids, directory)
    finally:
        box.stop()
        shutil.rmtree(directory)


ARMS = [arm for sources in SOURCES for arm in (
    case.Arm(f"bare-{sources}", f"{sources:,} sources, bare libcoap", functools.partial(bare, sources, IDLE_SESSIONS)),
    case.Arm(f"all-sessions-{sources}", f"{sources:,} sources, bare libcoap that keeps all sessions", functools.partial(bare, sources, 0)),
    case.Arm(f"ingress-{sources}", f"{sources:,} sources, sluice-ingress: decoded, in the journal, fsynced",
             functools.partial(ours, sources)),
)]
COLUMNS = [
    case.Column("acknowledged a second", "acknowledged_per_s"), case.Column("CPU of the server, µs a message", "server_cpu_us", 1),
    case.Column("of the fleet", ("cpu_us", "fleet"), 1), case.Column("cores of the fleet", ("cores", "fleet"), 2),
    case.Column("p50, µs", "p50_us"), case.Column("p99, µs", "p99_us"), case.Column("server's RSS, MiB", "rss_mib"),
]
GOALS = [
    case.Goal(f"acknowledged a second at 500 sources: ingress to {what}", case.ratio("ingress-500", base, "acknowledged_per_s"), at_least=0.5)
    for base, what in (("bare-500", "bare libcoap"), ("all-sessions-500", "bare libcoap that keeps all sessions"))
] + [
    case.Goal("acknowledged a second of ingress: 10,000 sources to 500", case.ratio("ingress-10000", "ingress-500", "acknowledged_per_s"),
              at_least=1.0),
]


def main():
    parser = case.arguments("coap", __doc__)
    parser.add_argument("--seconds", type=float, default=5, help="how long each arm is measured (default: 5)")
    # What finds no room when all begin at once comes again after 2 to 3 s.
    parser.add_argument("--warm-up", type=float, default=4, help="seconds before that (default: 4)")
    parser.add_argument("--inflight", type=int, default=1, help="requests that each source has under way at once (default: 1)")
    quick = parser.parse_args().quick
    if quick:
        parser.set_defaults(seconds=1, warm_up=0)
    return case.run("coap", "CoAP CON POST, as fast as acknowledgements come", parser, ARMS[:len(ARMS) // len(SOURCES)] if quick else ARMS,
                    COLUMNS, GOALS)


if __name__ == "__main__":
    raise SystemExit(main())
