"""What was sent, acknowledged and received, and whether that is as promised. Knows no process and no network.

A message is known by (device, id). Ids of a device grow in the order in which it sends.
"""

import hashlib

LISTED = 5


def digest(readings):
    """The hash of a message's readings, each (metric, value, time in µs or None). An int is not a float."""
    return hashlib.blake2b(repr(readings).encode(), digest_size=8).hexdigest()


class Account:
    """Not thread-safe."""

    def __init__(self):
        self.sent = {}  # (device, id): digest
        self.acknowledged = {}  # (device, id): who acknowledged it
        self.refused = {}  # (device, id): why, as the device was told
        self.received = {}  # (device, id): digest
        self.duplicates = 0
        self.repeated = set()  # keys that were received at two offsets
        self._newest = {}  # device: highest id received
        self._overtaken = []

    def receive(self, key, content, again=False):
        """A message as the cloud was shown it; `again`: at an offset at which it was shown before."""
        if again and key not in self.received:
            self.received[key] = "another message than was at its offset before"
        if key in self.received:
            if not again:
                self.duplicates += 1
                self.repeated.add(key)
            if self.received[key] != content:
                self.received[key] = "two different messages"
            return
        self.received[key] = content
        device, number = key
        if number < self._newest.get(device, number):
            self._overtaken.append(key)
        else:
            self._newest[device] = number

    # -- verdicts: lists of what is not as promised ------------------------------------------------

    def broken(self):
        """What may never be."""
        lost = [key for key in self.acknowledged if key not in self.received]
        invented = [key for key in self.received if key not in self.sent]
        changed = [key for key, content in self.received.items() if key in self.sent and self.sent[key] != content]
        found = (("acknowledged, but not received", lost), ("received, but never sent", invented),
                 ("received with other readings than sent", changed), ("received after a later one of its device", self._overtaken))
        return [f"{len(keys)} messages {what}: {listed(keys)}" for what, keys in found if keys]

    def unclassed(self, dropped):
        """For runs in which nobody is killed: every message is received (that wins over a refusal that came earlier), refused,
        or dropped, which only those of some devices may be, and counted: {beginning of their ids: (at least, at most)}."""
        problems = []
        missing = [key for key in self.sent if key not in self.received and key not in self.refused]
        silent = [key for key in missing if not key[0].startswith(tuple(dropped))]
        both = [key for key in self.acknowledged if key in self.refused]
        if silent:
            problems.append(f"{len(silent)} messages were neither received nor refused, and may not be dropped: {listed(silent)}")
        for prefix, (least, most) in dropped.items():
            gone = sum(key[0].startswith(prefix) for key in missing)
            if not least <= gone <= most:
                counted = f"{least}" if least == most else f"{least} to {most}"
                problems.append(f"{gone} messages of {prefix}* are gone, but {counted} were counted as dropped")
        if both:
            problems.append(f"{len(both)} messages were acknowledged and refused: {listed(both)}")
        return problems


def listed(keys):
    """The first few, in words."""
    words = ", ".join(f"{device} #{number}" for device, number in keys[:LISTED])
    return words + (", …" if len(keys) > LISTED else "")
