"""./sluice demo in a short form: its table and exit code, and that its check can fail."""

import copy
import os
import re
import signal
import subprocess
import sys

import pytest
from harness import ROOT, environment, wait_for

import demo  # of tools/box, by harness

DEMO = [sys.executable, str(ROOT / "tools/box/demo.py"), "--seconds", "8"]


def run_demo(scratch, *flags):
    return subprocess.run([*DEMO, *flags], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
                          env={**environment(), "TMPDIR": str(scratch)})


def table(text):
    """{label: value} of the rows."""
    return dict(re.findall(r"^  (\S.*?)  +(\S.*)$", text, re.MULTILINE))


def test_all_is_well(tmp_path):
    result = run_demo(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = table(result.stdout)
    assert int(rows["messages sent"].replace(",", "")) >= 7000
    assert rows["acknowledged"] == rows["messages sent"] == rows["received by a cloud subscriber"]
    assert rows["acknowledged and lost"] == "0"
    assert rows["anomalies planted / found / missed"] == "20 / 20 / 0"
    assert rows["commands sent / answered"] == "10 / 10"
    assert {"duplicates", "false alarms", "command round trip, median / max", "latency device to cloud, p50 / p99",
            "memory of mosquitto", "memory of registry", "memory of ingress", "memory of analytics"} <= set(rows)
    assert re.search(r"  OK: ", result.stdout)
    assert not list(tmp_path.iterdir()), "something is left behind"


def test_without_the_plugin(tmp_path):
    """With this option of the plugin a broker that loads it would not start."""
    result = run_demo(tmp_path, "--mqtt-source=paho", "--set", "plugin.nonsense=1")
    assert result.returncode == 0, result.stdout + result.stderr
    rows = table(result.stdout)
    assert rows["acknowledged and lost"] == "0"
    assert rows["commands sent / answered"] == "10 / 10"


def test_missed_anomalies_fail_it(tmp_path):
    result = run_demo(tmp_path, "--set", "analytics.detector.threshold=50")
    assert result.returncode == 1
    assert "FAILED: 20 of 20 planted anomalies were missed" in result.stdout
    logs = re.search(r"The logs are in (\S+)", result.stdout).group(1)
    assert sorted(os.listdir(logs)) == ["analytics.log", "ingress.log", "mosquitto.log", "registry.log"]


def test_a_wrong_setting_fails_it(tmp_path):
    result = run_demo(tmp_path, "--set", "ingress.coap.nonsense=1")
    assert result.returncode == 1
    assert "coap.nonsense" in result.stdout


def test_sigterm_leaves_nothing_behind(tmp_path):
    with subprocess.Popen(DEMO, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={**environment(), "TMPDIR": str(tmp_path)}) as process:
        try:
            for line in process.stdout:
                if "messages/s for" in line:
                    break
            children = f"/proc/{process.pid}/task/{process.pid}/children"
            with open(children) as file:
                pids = wait_for(lambda: (file.seek(0), len(p := file.read().split()) >= 5 and p)[1], "the fleet")
            process.send_signal(signal.SIGTERM)
            out = process.stdout.read()
            assert process.wait(30) == 1
        finally:
            process.kill()
    assert "FAILED: it was interrupted" in out
    # What dies with its maker may take a moment.
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "all of them are gone")
    assert all(name.endswith("-logs") for name in os.listdir(tmp_path))


GOOD = {
    "sent": 100, "acknowledged": 100, "received": 100, "lost": 0, "duplicates": 0, "latency_us": {"p50": 1, "p99": 2},
    "anomalies": {"planted": demo.ANOMALIES, "found": demo.ANOMALIES, "missed": 0, "false_alarms": 0,
                  "false_alarm_share": 0.005},
}
ANSWERED = [(f"d{i}", 0.01) for i in range(demo.ACTUATORS)]


def judged(outcomes=None, anomalies=None, **changes):
    report = copy.deepcopy(GOOD) | changes
    report["anomalies"] |= anomalies or {}
    return demo.show(report, ANSWERED if outcomes is None else outcomes, {})


def test_the_verdict():
    assert not judged()


@pytest.mark.parametrize("wrong", [
    {"lost": 1},
    {"acknowledged": 0},
    {"anomalies": {"planted": demo.ANOMALIES - 1, "found": demo.ANOMALIES - 1}},
    {"anomalies": {"found": demo.ANOMALIES - 1, "missed": 1}},
    {"anomalies": {"false_alarm_share": 0.0051}},
    {"outcomes": ANSWERED[1:]},
    {"outcomes": [*ANSWERED[1:], ("d0", None)]},
], ids=str)
def test_what_fails_the_verdict(wrong):
    assert len(judged(**wrong)) == 1
