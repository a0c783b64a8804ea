"""Waiting for a condition, never for a time."""

import time

PATIENCE_S = 90


def wait_for(condition, what):
    """Waits until condition() holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.01)
