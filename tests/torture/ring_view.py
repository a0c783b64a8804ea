"""Looks into a ring's file from outside, as docs/ring-format.md lays it out."""

import mmap
import struct

HEAD, COUNTERS, TAIL = 4096, 4160, 8192
# Numbers of counters: libs/mqtt_record/ring_agreement.h.
TAKEN_QOS1, UNKNOWN_TOPIC = 1, 19
REFUSED, DROPPED, REASONS = 3, 11, ("ring_full", "storage", "rate", "no_reader", "ring_replaced", "sync")


class RingView:
    """A ring that stands at a path now."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def _u64(self, at):
        return struct.unpack_from("<Q", self._bytes, at)[0]

    def counter(self, number):
        return self._u64(COUNTERS + 8 * number)

    @property
    def taken(self):
        """QoS 1 messages that the plugin has taken since the ring was made."""
        return self.counter(TAKEN_QOS1)

    def refused(self):
        """{reason: connections closed instead}."""
        return {name: self.counter(REFUSED + number) for number, name in enumerate(REASONS)}

    def dropped(self):
        """{reason: QoS 0 messages given up}."""
        return {name: self.counter(DROPPED + number) for number, name in enumerate(REASONS)}

    @property
    def used_bytes(self):
        """What the reader has not given back."""
        return self._u64(HEAD) - self._u64(TAIL)
