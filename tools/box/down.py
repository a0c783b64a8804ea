"""Stops a gateway that `./sluice up` started in a data directory, and waits until it is gone."""

import argparse
import contextlib
import os
import signal
import sys
import time

from lock import Lock, directory

PATIENCE_S = 60


def main():
    parser = argparse.ArgumentParser(prog="./sluice down", description=__doc__)
    parser.add_argument("--data-dir", type=directory, default=".sluice",
                        help="the data directory of `up` (default: .sluice)")
    data_dir = parser.parse_args().data_dir
    try:
        return stop(Lock(data_dir), data_dir)
    except OSError as error:
        print(f"sluice: {error}", file=sys.stderr)
        return 1


def stop(lock, data_dir):
    """Stops who has the lock, if anybody has; returns the exit code."""
    pid = lock.holder()
    if pid is None:
        print(f"sluice: nothing runs in {data_dir}", file=sys.stderr)
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while lock.holder() == pid:
        if time.monotonic() > deadline:
            print(f"sluice: pid {pid} has not stopped within {PATIENCE_S} s", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("sluice: stopped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
