"""How fast a subscriber gets a backlog of telemetry, beside gRPC streaming the same bytes from memory.

    ./sluice bench drain [--records 5000000]

The same client takes both streams, in two ways: one decodes the messages, as who wants to use them must; one only counts the records
in the bytes, and so shows what the server is able to. The log lies in the page cache, as what came in lately does.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
import tempfile

import case
from box import BIN, Box, Ports
from process import Process, StartFailed
from usage import Spent, Usage

LONGEST_S = 120
FILLING_S = 300


@dataclasses.dataclass
class Server:
    """Who is drained."""

    address: str
    process: Process


def run(*command, seconds):
    """The output of a program that ends by itself."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=seconds).stdout
    except subprocess.CalledProcessError as error:
        raise StartFailed(f"{words[0]} ended with {error.returncode}: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise StartFailed(f"{words[0]} took more than {seconds} s") from error


class Servers:
    """Both of them, each started when it is first asked for, and stopped at the end."""

    def __init__(self, directory, stack, records, batch):
        self._directory = pathlib.Path(directory)
        self._stack = stack
        self._records = records
        self._batch = batch

    @functools.cached_property
    def sluice(self):
        directory = self._directory / "box"
        log = directory / "ingress/telemetry"
        log.mkdir(parents=True)
        run(BIN / "bench/fill_journal", log, self._records, seconds=FILLING_S)
        box = Box(directory, Ports.free())
        self._stack.callback(box.stop)
        box.start(names=("mosquitto", "registry", "ingress"))
        return Server(box.grpc("ingress"), box.processes["ingress"])

    @functools.cached_property
    def bare(self):
        log = self._directory / "bare.log"
        process = Process("bare_server", [BIN / "bench/bare_server", self._records, self._batch], log)
        self._stack.callback(process.stop)
        process.start()
        return Server(process.await_condition(lambda: log.read_text().strip(), "address", timeout_s=60), process)


def measure(servers, name, how, flags):
    server = getattr(servers, name)
    before = Usage.of({"server": server.process.pid})
    output = run(BIN / "bench/drain_client", server.address, flags.records, flags.batch, how, seconds=LONGEST_S)
    spent = Spent.between(before, Usage.of({"server": server.process.pid}))
    result = json.loads(output)
    cpu_us = {"server": spent.cpu_s["server"] * 1e6 / result["records"], "client": result["cpu_s"] * 1e6 / result["records"]}
    return {
        "records": result["records"],
        "records_per_s": result["records"] / result["seconds"],
        "mb_per_s": result["bytes"] / result["seconds"] / 1e6,
        "bytes_a_record": result["bytes"] / result["records"],
        "cpu_us": cpu_us,
        "others_cores": max(0, spent.others_cores - result["cpu_s"] / spent.seconds),
    }


def main():
    parser = case.arguments("drain", __doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--batch", type=int, default=1000, help="records that a response holds at the most (default: 1000)")
    if parser.parse_args().quick:
        parser.set_defaults(records=100_000)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-drain-") as directory, contextlib.ExitStack() as stack:
        servers = Servers(directory, stack, flags.records, flags.batch)
        arms = [case.Arm(f"{name}_{how}", f"{title}, {does}", functools.partial(measure, servers, name, how))
                for how, does in (("decode", "client decodes"), ("count", "client counts"))
                for name, title in (("sluice", "sluice-ingress"), ("bare", "gRPC from memory"))]
        columns = [case.Column("records/s", "records_per_s"), case.Column("MB/s", "mb_per_s"),
                   case.Column("server, CPU µs a record", ("cpu_us", "server"), 3), case.Column("client", ("cpu_us", "client"), 3)]
        goals = [case.Goal(f"records/s to those of gRPC from memory, {does}", case.ratio(f"sluice_{how}", f"bare_{how}", "records_per_s"),
                           at_least=0.7) for how, does in (("decode", "client decodes"), ("count", "client counts"))]
        return case.run("drain", "A backlog of telemetry to one subscriber", parser, arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
