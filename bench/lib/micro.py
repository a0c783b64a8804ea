"""Runs micro-benchmarks (Google Benchmark) as arms of a case."""

import json
import os
import resource
import subprocess
import time

import machine
from box import BIN
from process import StartFailed


def _children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(program, pattern, seconds, environment=None):
    """Runs those benchmarks of a program below .bazel/bin whose names match, each for about so many seconds. Returns what it
    says of each, {name: {...}}, and the cores that all else on the machine took meanwhile. StartFailed if one failed."""
    command = [BIN / program, f"--benchmark_filter={pattern}", f"--benchmark_min_time={seconds}", "--benchmark_format=json"]
    began, ticks, cpu_s = time.monotonic(), machine.ticks(), _children_cpu_s()
    done = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False)
    everything, idle, _ = (b - a for a, b in zip(ticks, machine.ticks()))
    others_s = (everything - idle) * machine.CPU_TICK_S - (_children_cpu_s() - cpu_s)
    if done.returncode != 0:
        raise StartFailed(f"{program} ended with {done.returncode}: {done.stderr[-1000:]}")
    results = {}
    for result in json.loads(done.stdout or "{}").get("benchmarks", []):
        if result.get("error_occurred"):
            raise StartFailed(f"{result['name']}: {result['error_message']}")
        results[result["name"]] = result
    if not results:
        raise StartFailed(f"{program} has no benchmark {pattern}")
    return results, max(0, others_s) / (time.monotonic() - began)
