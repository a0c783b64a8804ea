"""How fast a subscriber gets a backlog of telemetry, beside gRPC streaming the same bytes from memory.

    ./sluice bench drain [--records 5000000]

The same client takes both streams, in two ways: one decodes the messages, as who wants to use them must; one only counts the records
in the bytes, and so shows what the server is able to. The log lies in the page cache, as what came in lately does.
"""

import contextlib
import functools
import pathlib
import sys
import tempfile

import bare_grpc
import case
from box import Box, Ports

FILLING_S = 300
SERVERS = {"sluice": "sluice-ingress", "bare": "gRPC from memory"}
CLIENTS = {"decode": "client decodes", "count": "client counts"}


class Servers:
    """Both of them, each started when it is first asked for, and stopped at the end: (address, process)."""

    def __init__(self, directory, stack, flags):
        self._directory = pathlib.Path(directory)
        self._stack = stack
        self._flags = flags

    @functools.cached_property
    def sluice(self):
        log = self._directory / "box/ingress/telemetry"
        log.mkdir(parents=True)
        bare_grpc.run("fill_journal", log, self._flags.records, seconds=FILLING_S)
        box = Box(self._directory / "box", Ports.free())
        self._stack.callback(box.stop)
        box.start(names=("mosquitto", "registry", "ingress"))
        return box.grpc("ingress"), box.processes["ingress"]

    @functools.cached_property
    def bare(self):
        return bare_grpc.start(self._directory, self._stack, self._flags.records, self._flags.batch)


def measure(servers, server, client, flags):
    address, process = getattr(servers, server)
    result = bare_grpc.measure(process, "records", "drain_client", address, flags.records, flags.batch, client)
    result["records_per_s"] = result["records"] / result["seconds"]
    result["mb_per_s"] = result["bytes"] / result["seconds"] / 1e6
    return result


def main():
    parser = case.arguments("drain", __doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--batch", type=int, default=1000, help="records that a response holds at the most (default: 1000)")
    if parser.parse_args().quick:
        parser.set_defaults(records=100_000)
    with tempfile.TemporaryDirectory(prefix="sluice-drain-") as directory, contextlib.ExitStack() as stack:
        servers = Servers(directory, stack, parser.parse_args())
        arms = [case.Arm(f"{server}_{client}", f"{of}, {how}", functools.partial(measure, servers, server, client))
                for client, how in CLIENTS.items() for server, of in SERVERS.items()]
        columns = [case.Column("records/s", "records_per_s"), case.Column("MB/s", "mb_per_s"),
                   case.Column("server, CPU µs a record", ("cpu_us", "server"), 3), case.Column("client", ("cpu_us", "client"), 3)]
        goals = [case.Goal(f"records/s to gRPC's from memory, {how}", case.ratio(f"sluice_{client}", f"bare_{client}", "records_per_s"),
                           at_least=0.7) for client, how in CLIENTS.items()]
        return case.run("drain", "A backlog of telemetry to one subscriber", parser, arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
