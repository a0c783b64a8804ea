"""Waiting for a condition, never for a time."""

import time

PATIENCE_S = 90


def within(seconds, condition):
    """Waits until condition() holds, at most so long; returns whether it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def wait_for(condition, what, timeout_s=PATIENCE_S):
    """Waits until condition() returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(0.01)
    return result
