"""One child process: started, watched, restarted with back-off, stopped."""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import time

LOG_LIMIT_BYTES = 10 << 20
# Mosquitto forgets a SIGTERM that comes while it starts.
SIGTERM_AGAIN_S = 1.0
RESTART_DELAY_MIN_S = 0.2
RESTART_DELAY_MAX_S = 10.0
# A process that ran this long starts anew with the shortest delay.
STABLE_AFTER_S = 30.0
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    """Runs in the child before exec: nothing is left behind even if we are killed with -9."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class StartFailed(Exception):
    """A process ended or stayed silent while it should have started; says why."""


class Process:
    """A child and its log file. All methods must be called from one and the same thread: a child
    is told to end when the thread that started it does.

    `ends_with_us`: it is told so also where we are killed with -9. That takes Python code between fork and exec, at
    which gRPC, if it is in use, holds its threads up, sometimes for ever."""

    def __init__(self, name, command, log_path, ends_with_us=True):
        self.name = name
        self.command = [str(part) for part in command]
        self.log_path = pathlib.Path(log_path)
        self._before_exec = _die_with_parent if ends_with_us else None
        self.restarts = 0
        self._child = None
        self._started_at = 0.0
        self._delay_s = RESTART_DELAY_MIN_S
        self._restart_at = None

    @property
    def pid(self):
        return self._child.pid if self._child else None

    def start(self):
        """StartFailed: there is no such program, or no place for its log."""
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
            with open(self.log_path, "ab") as log:
                self._child = subprocess.Popen(  # pylint: disable=consider-using-with
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, preexec_fn=self._before_exec)
        except OSError as error:
            raise StartFailed(f"{self.name} cannot be started: {error}") from error
        self._started_at = time.monotonic()
        self._restart_at = None

    def running(self):
        return self._child is not None and self._child.poll() is None

    def exit_code(self):
        return self._child.poll() if self._child else None

    def last_words(self, limit=1000):
        """The end of what it has logged since it was started."""
        with open(self.log_path, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, log.tell() - limit))
            return log.read().decode(errors="replace").strip()

    def await_condition(self, condition, what, timeout_s=20.0):
        """Waits until condition() returns something true and returns that; StartFailed otherwise."""
        deadline = time.monotonic() + timeout_s
        while True:
            result = condition()
            if result:
                return result
            if not self.running():
                raise StartFailed(f"{self.name} ended with {self.exit_code()}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.name} gave no {what} within {timeout_s:.0f} s: {self.last_words()}")
            time.sleep(0.02)

    def watch(self, say):
        """Called now and then: starts the process again if it died, and returns whether it did just now.
        Says what happens through `say`; what fails is tried again later."""
        self._bound_log()
        if self.running():
            if self._delay_s > RESTART_DELAY_MIN_S and time.monotonic() - self._started_at > STABLE_AFTER_S:
                self._delay_s = RESTART_DELAY_MIN_S
            return False
        now = time.monotonic()
        if self._restart_at is None:
            code = self.exit_code()
            how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with {code}"
            say(f"{self.name} {how}; starting it again in {self._delay_s:.1f} s")
            self._back_off(now)
        if now < self._restart_at:
            return False
        try:
            self.start()
        except StartFailed as failure:
            say(f"{failure}; trying again in {self._delay_s:.1f} s")
            self._back_off(now)
            return False
        self.restarts += 1
        return True

    def _back_off(self, now):
        self._restart_at = now + self._delay_s
        self._delay_s = min(self._delay_s * 2, RESTART_DELAY_MAX_S)

    def _bound_log(self):
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
            # A full disk must not end us: then the older half is gone at once.
            with contextlib.suppress(OSError):
                shutil.copyfile(self.log_path, f"{self.log_path}.1")
            os.truncate(self.log_path, 0)

    def signal(self, number):
        if self.running():
            os.kill(self._child.pid, number)

    def stop(self, timeout_s=10.0):
        """SIGTERM, again every second, then SIGKILL; returns the exit code."""
        if self._child is None:
            return None
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._child.wait(min(SIGTERM_AGAIN_S, timeout_s))
        self._child.kill()
        return self._child.wait()

    def cpu_seconds(self):
        """User and system time so far; 0.0 if it does not run."""
        return cpu_seconds(self.pid) if self.running() else 0.0

    def memory_bytes(self):
        """Resident memory now, and the most it ever was; (0, 0) if it does not run."""
        try:
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0, 0
        sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM")))
        return tuple(int(sizes[key].split()[0]) * 1024 if key in sizes else 0 for key in ("VmRSS", "VmHWM"))
