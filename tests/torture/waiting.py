"""Waiting for a condition, never for a time."""

import time

PATIENCE_S = 90


def wait_for(condition, what, timeout_s=PATIENCE_S):
    """Waits until condition() returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        time.sleep(0.01)
    return result
