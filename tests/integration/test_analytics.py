"""Insights and series from real telemetry, and over kill -9 of analytics."""

import math
import random
import signal
import statistics

import pytest
from harness import api, sluicectl, sluicectl_json, wait_for
from test_subscriptions import publish

pb = api("analytics_service_pb2")


def publish_values(clients, device, values):
    telemetry = api("telemetry_service_pb2").PublishTelemetryRequest()
    for value in values:
        telemetry.telemetry.add(device_id=device).readings.add(metric="t", double_value=value)
    assert all(r.code == 0 for r in clients.telemetry.PublishTelemetry(telemetry, timeout=20).results)


def series(clients, device, count):
    """The series once it has seen `count` samples."""
    def look():
        listed = clients.analytics.ListSeries(pb.ListSeriesRequest(device_id=device), timeout=10).series
        return listed[0] if listed and listed[0].sample_count >= count else None
    return wait_for(look, f"{count} samples of {device}")


def insights(clients, device):
    """All insights about a device so far: the log from its start to where a nameless stream at its end begins."""
    def stream(position):
        request = pb.SubscribeInsightsRequest(device_ids=[device])
        getattr(request.start, position).SetInParent()
        return clients.analytics.SubscribeInsights(request, timeout=20)

    at_end = stream("latest")
    end = next(at_end).next_offset
    at_end.cancel()
    found = []
    from_start = stream("earliest")
    for response in from_start:
        found += response.insights
        if response.next_offset >= end:
            break
    from_start.cancel()
    return found


def test_window_statistics_and_an_anomaly(clients):
    numbers = random.Random(7)
    values = [20 + numbers.gauss(0, 1) for _ in range(150)]
    publish_values(clients, "a1", values)
    seen = series(clients, "a1", 150)
    window = values[-100:]
    assert seen.window.size_samples == 100
    assert seen.window.mean == pytest.approx(statistics.mean(window))
    assert seen.window.standard_deviation == pytest.approx(statistics.stdev(window))
    assert (seen.window.min, seen.window.max) == (min(window), max(window))
    spike = statistics.mean(window) - 8 * statistics.stdev(window)
    publish_values(clients, "a1", [spike])
    found = wait_for(lambda: [i for i in insights(clients, "a1") if i.anomaly.value == spike], "the insight")[0]
    assert found.anomaly.z_score == pytest.approx(-8)
    assert found.anomaly.confidence == pytest.approx(0.2)
    assert found.anomaly.anomaly_score == pytest.approx(0.8)


def test_zero_deviation(clients):
    publish_values(clients, "a2", [5.0] * 40 + [6.0])
    found = wait_for(lambda: insights(clients, "a2"), "the insight")
    assert len(found) == 1 and found[0].anomaly.z_score == math.inf and found[0].anomaly.anomaly_score == 1


def test_series_in_sluicectl(box, clients):
    publish(clients, "a3", range(5))
    series(clients, "a3", 5)
    row = sluicectl_json(box, "series", "get", "a3", "n")[0]
    assert row["window"]["mean"] == 2
    assert "a3" in sluicectl(box, "series", "list").stdout
    missing = sluicectl(box, "series", "get", "a3", "nonsense", check=False)
    assert missing.returncode == 1 and "NOT_FOUND" in missing.stderr


def test_kill_9_repeats_no_insight_and_loses_none(box, clients):
    spikes = [1000.0 + i for i in range(5)]
    for round_number, spike in enumerate(spikes):
        publish_values(clients, "a4", [10.0 + (i % 7) / 10 for i in range(60)] + [spike])
        if round_number in (1, 3):
            box.processes["analytics"].signal(signal.SIGKILL)
            wait_for(lambda: not box.processes["analytics"].running(), "the end of analytics")
            box.start_one("analytics")
    wait_for(lambda: try_series(clients, "a4", 61 * len(spikes)), "all samples")
    found = [i.anomaly.value for i in insights(clients, "a4") if i.anomaly.value >= 1000]
    assert found == spikes


def try_series(clients, device, count):
    listed = clients.analytics.ListSeries(pb.ListSeriesRequest(device_id=device), timeout=10,
                                          wait_for_ready=True).series
    return listed and listed[0].sample_count >= count
