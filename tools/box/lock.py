"""The lock of a data directory: one `up` at a time, found by `down`."""

import argparse
import fcntl
import os
import pathlib
import time

# Between taking the lock and writing its pid a holder is known to be there, but not who it is.
PID_WITHIN_S = 5.0


def directory(text):
    """A flag's value: '' would be the current directory, which nobody means by it."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


class Lock:
    """DIR/up.lock, held by flock as long as this process lives; holds its pid. Where the directory
    cannot be used, OSError says so."""

    def __init__(self, data_dir):
        self._path = pathlib.Path(data_dir) / "up.lock"
        self._file = None

    def acquire(self):
        """Returns None, or the pid of the process that has the lock."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path, "a+")  # pylint: disable=consider-using-with
        while not _try_lock(self._file, fcntl.LOCK_EX):
            holder = self.holder()
            if holder is not None:
                return holder
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return None

    def holder(self):
        """The pid of the process that has the lock, None if nobody has it."""
        deadline = time.monotonic() + PID_WITHIN_S
        try:
            with open(self._path) as probe:
                while not _try_lock(probe, fcntl.LOCK_SH):
                    probe.seek(0)
                    pid = int(probe.read() or 0)
                    if pid and pathlib.Path(f"/proc/{pid}").exists():
                        return pid
                    if time.monotonic() > deadline:
                        raise OSError(f"{self._path} is locked, and its holder does not say who it is")
                    time.sleep(0.01)
        except FileNotFoundError:
            pass
        return None


def _try_lock(file, kind):
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
