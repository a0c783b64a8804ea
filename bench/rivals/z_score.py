"""What somebody would write in Python: a subscriber that keeps 100 values of each device and counts those far from their mean.
Usage: z_score.py PORT COUNT_FILE. Runs until SIGTERM."""

import collections
import json
import math
import os
import struct
import sys
import threading
import time

import paho.mqtt.client

WINDOW, THRESHOLD, LEAST = 100, 3.0, 30


class Series:
    """A sliding window with running sums."""

    def __init__(self):
        self._values = collections.deque()
        self._sum = self._squares = 0.0

    def is_anomaly(self, value):
        count = len(self._values)
        unusual = False
        if count >= LEAST:
            mean = self._sum / count
            deviation = math.sqrt(max(0.0, self._squares / count - mean * mean))
            unusual = deviation > 0 and abs(value - mean) > THRESHOLD * deviation
        self._values.append(value)
        self._sum += value
        self._squares += value * value
        if count == WINDOW:
            oldest = self._values.popleft()
            self._sum -= oldest
            self._squares -= oldest * oldest
        return unusual


class Subscriber:
    """Counts messages and anomalies."""

    def __init__(self, path):
        self._path = path
        self.messages = self.anomalies = 0
        self._series = collections.defaultdict(Series)

    def take(self, client, context, message):
        device = message.topic.split("/")[1]
        for metric, value in json.loads(message.payload)["values"].items():
            if isinstance(value, (int, float)):
                self.anomalies += self._series[device, metric].is_anomaly(value)
        self.messages += 1

    def publish_count(self):
        while True:
            with open(self._path + ".new", "wb") as file:
                file.write(struct.pack("<Q", self.messages))
            os.replace(self._path + ".new", self._path)
            time.sleep(0.1)


def main():
    subscriber = Subscriber(sys.argv[2])
    client = paho.mqtt.client.Client("z-score-py")
    client.max_inflight_messages_set(1000)
    client.on_message = subscriber.take
    client.on_subscribe = lambda *_: threading.Thread(target=subscriber.publish_count, daemon=True).start()
    client.on_connect = lambda *_: client.subscribe("devices/+/telemetry", 1)
    client.connect("127.0.0.1", int(sys.argv[1]))
    client.loop_forever()


main()
