"""The lock of a data directory: one `up` at a time, found by `down`."""

import fcntl
import os
import pathlib


class Lock:
    """DIR/up.lock, held by flock as long as this process lives; holds its pid."""

    def __init__(self, data_dir):
        self._path = pathlib.Path(data_dir) / "up.lock"
        self._file = None

    def acquire(self):
        """Returns None, or the pid of the process that has the lock."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path, "a+")  # pylint: disable=consider-using-with
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return self.holder()
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return None

    def holder(self):
        """The pid of the process that has the lock, None if nobody has it."""
        try:
            with open(self._path) as probe:
                try:
                    fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return int(probe.read() or 0)
        except FileNotFoundError:
            pass
        return None
