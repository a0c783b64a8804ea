"""How many reads and writes a second the registry answers, and how many changes it tells to 10 watchers, beside gRPC that answers
with messages of the same size from memory.

    ./sluice bench registry [--in-flight 32]

The same client calls both, on one connection. A write of the registry's is on the disk when it is answered; one of bare gRPC's
is none.
"""

import contextlib
import functools
import pathlib
import sys
import tempfile

import bare_grpc
import case
from box import Box, Ports

SERVERS = {"sluice": "sluice-registry", "bare": "bare gRPC"}
WATCHERS = 10
# What is called, and how many watch meanwhile.
LOADS = {"reads": ("reads", 0), "writes": ("writes", 0), "watch": ("writes", WATCHERS)}


class Servers:
    """Both of them, each started when it is first asked for, and stopped at the end: (address, process)."""

    def __init__(self, directory, stack):
        self._directory = pathlib.Path(directory)
        self._stack = stack

    @functools.cached_property
    def sluice(self):
        box = Box(self._directory / "box", Ports.free())
        self._stack.callback(box.stop)
        box.start_one("registry")
        bare_grpc.run("registry_client", box.grpc("registry"), "fill", 0, 0, 0)
        return box.grpc("registry"), box.processes["registry"]

    @functools.cached_property
    def bare(self):
        return bare_grpc.start(self._directory, self._stack)


def measure(servers, server, load, flags):
    address, process = getattr(servers, server)
    method, watchers = LOADS[load]
    seconds = 0.5 if flags.quick else flags.seconds
    result = bare_grpc.measure(process, "calls", "registry_client", address, method, flags.in_flight, watchers, seconds)
    result["calls_per_s"] = result["calls"] / result["seconds"]
    result["told_per_s"] = result["told"] / result["seconds"]
    return result


def main():
    parser = case.arguments("registry", __doc__)
    parser.add_argument("--in-flight", type=int, default=32, help="calls at the same time (default: 32)")
    parser.add_argument("--seconds", type=float, default=4, help="how long each is measured (default: 4)")
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-registry-") as directory, contextlib.ExitStack() as stack:
        servers = Servers(directory, stack)
        arms = [case.Arm(f"{server}_{load}", f"{of}, {method}{f', {watchers} watchers' if watchers else ''}",
                         functools.partial(measure, servers, server, load))
                for load, (method, watchers) in LOADS.items() for server, of in SERVERS.items()]
        columns = [case.Column("calls/s", "calls_per_s"), case.Column("changes told/s", "told_per_s"),
                   case.Column("bytes of a response", "response_bytes"), case.Column("server, CPU µs a call", ("cpu_us", "server"), 1),
                   case.Column("client", ("cpu_us", "client"), 1)]
        goals = [case.Goal("reads/s to those of bare gRPC", case.ratio("sluice_reads", "bare_reads", "calls_per_s"), at_least=0.7),
                 case.Goal("writes/s to calls/s of bare gRPC", case.ratio("sluice_writes", "bare_writes", "calls_per_s")),
                 case.Goal(f"changes told to {WATCHERS} watchers/s to bare gRPC's",
                           case.ratio("sluice_watch", "bare_watch", "told_per_s"))]
        return case.run("registry", "Calls of the registry", parser, arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
