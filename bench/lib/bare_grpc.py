"""What gRPC can do by itself, as a server like ours; and a client's program that measures either of them."""

import json
import subprocess

from box import BIN
from process import Process, StartFailed
from usage import Spent, Usage

LONGEST_S = 120


def start(directory, stack, records=1000, batch=1000):
    """Starts bench/bare_server with so many records in memory; returns (its address, its Process)."""
    log = directory / "bare_server.log"
    process = Process("bare_server", [BIN / "bench/bare_server", records, batch], log)
    stack.callback(process.stop)
    process.start()
    return process.await_condition(lambda: log.read_text().strip(), "address", timeout_s=60), process


def run(program, *words, seconds=LONGEST_S):
    """The output of a program of bench/ that ends by itself."""
    command = [str(BIN / "bench" / program), *(str(word) for word in words)]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds).stdout
    except subprocess.CalledProcessError as error:
        raise StartFailed(f"{program} ended with {error.returncode}: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise StartFailed(f"{program} took more than {seconds} s") from error


def measure(server, per, program, *words):
    """Runs a client; returns what it says, with `cpu_us` of server and client for each of what it has counted as `per`."""
    before = Usage.of({"server": server.pid})
    result = json.loads(run(program, *words))
    spent = Spent.between(before, Usage.of({"server": server.pid}))
    used = {"server": spent.cpu_s["server"], "client": result["cpu_s"]}
    result["cpu_us"] = {name: seconds * 1e6 / max(1, result[per]) for name, seconds in used.items()}
    result["others_cores"] = max(0, spent.others_cores - result["cpu_s"] / spent.seconds)
    return result
