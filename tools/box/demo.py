"""Starts the whole gateway on free ports in a scratch directory, drives a small fleet through it, shows
what came through and stops everything.

Exits 0 only if nothing acknowledged was lost, every planted anomaly was found, false alarms stayed
under 0.5% of the samples, and every command was answered.
"""

import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import settings
from box import BINARIES, Box, Ports
from process import StartFailed

MQTT_DEVICES = 100
COAP_DEVICES = 50
RATE_PER_S = 1000
ANOMALIES = 20
ACTUATORS = 10
FALSE_ALARM_LIMIT = 0.005


def say(line):
    print(f"  {line}", flush=True)


def sluicectl(box, *arguments, **options):
    return subprocess.run([BINARIES["sluicectl"], "--data-dir", box.data_dir, "--json", *arguments],
                          capture_output=True, text=True, timeout=60, check=False, **options)


def fleet_ids():
    """The ids that fleetsim gives its MQTT devices."""
    out = subprocess.run([BINARIES["fleetsim"], "devices", "--mqtt-devices", str(MQTT_DEVICES), "--coap-devices", "0"],
                         capture_output=True, text=True, check=True, timeout=20).stdout
    return out.split()


def register(box, ids):
    """Registers twenty devices by gRPC, ten of them actuators; the others will register themselves."""
    devices = [{"id": i, "actuator": {"commands": [{"name": "identify"}]}, "labels": {"site": "demo"}}
               for i in ids[:ACTUATORS]]
    devices += [{"id": i, "sensor": {"capabilities": [{"metric": "temperature", "unit": "Cel"}]},
                 "labels": {"site": "demo"}} for i in ids[ACTUATORS:2 * ACTUATORS]]
    result = sluicectl(box, "devices", "create", "--from", "-", input="\n".join(map(json.dumps, devices)))
    if result.returncode != 0:
        raise StartFailed(f"registering devices: {result.stderr.strip()}")
    say(f"{len(devices)} devices registered by gRPC; the other {MQTT_DEVICES + COAP_DEVICES - len(devices)} register "
        "themselves")


def await_actuators(box, timeout_s=20):
    """Waits until all are online: a command to a device that never subscribed would not be kept for it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        online = sluicectl(box, "devices", "list", "--filter", "type = actuator AND status = ONLINE").stdout
        if len(online.splitlines()) >= ACTUATORS:
            return
        time.sleep(0.2)


def send_commands(box, ids, outcomes):
    """Sends one command to each actuator, one after the other; appends (device, round trip in s or None)."""
    await_actuators(box)
    for device in ids[:ACTUATORS]:
        started = time.monotonic()
        result = sluicectl(box, "command", "send", device, "identify", "blink=true", "--wait", "10s")
        ok = result.returncode == 0 and json.loads(result.stdout)["state"] == "COMMAND_STATE_SUCCEEDED"
        outcomes.append((device, time.monotonic() - started if ok else None))


@contextlib.contextmanager
def running(command):
    """A child that has ended when the block is left, however it is left."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        try:
            yield child
        finally:
            child.terminate()


def drive(box, seconds, report_path):
    """Runs the fleet; returns fleetsim's report and the commands' outcomes."""
    command = [
        BINARIES["fleetsim"], "run", "--mqtt", box.mqtt, "--mqtt-devices", MQTT_DEVICES, "--coap", box.coap,
        "--coap-devices", COAP_DEVICES, "--rate", RATE_PER_S, "--duration", f"{seconds}s", "--anomalies", ANOMALIES,
        "--respond-commands", "--subscribe", box.grpc("ingress"), "--insights", box.grpc("analytics"),
        "--report", report_path,
    ]
    outcomes = []
    with running([str(part) for part in command]) as fleet:
        commander = threading.Thread(target=send_commands, args=(box, fleet_ids(), outcomes), daemon=True)
        commander.start()
        while fleet.poll() is None:
            box.watch(say)
            time.sleep(0.1)
    commander.join(60)
    if not report_path.exists():
        raise StartFailed(f"fleetsim ended with {fleet.returncode} and no report")
    return json.loads(report_path.read_text()), outcomes


def mib(size_bytes):
    return f"{size_bytes / (1 << 20):.0f} MiB"


def milliseconds(microseconds):
    return f"{microseconds / 1000:.1f} ms"


def show(report, outcomes, memory):
    """Prints the table; returns what is not as promised."""
    answered = [seconds for _, seconds in outcomes if seconds is not None]
    anomalies, latency = report["anomalies"], report["latency_us"]
    share = anomalies["false_alarm_share"]
    rows = [
        ("messages sent", f"{report['sent']:,}"),
        ("acknowledged", f"{report['acknowledged']:,}"),
        ("received by a cloud subscriber", f"{report['received']:,}"),
        ("acknowledged and lost", f"{report['lost']:,}"),
        ("duplicates", f"{report['duplicates']:,}"),
        ("anomalies planted / found / missed", f"{anomalies['planted']} / {anomalies['found']} / {anomalies['missed']}"),
        ("false alarms", f"{anomalies['false_alarms']} ({share:.2%} of samples, limit {FALSE_ALARM_LIMIT:.1%})"),
        ("commands sent / answered", f"{ACTUATORS} / {len(answered)}"),
        ("command round trip, median / max",
         f"{sorted(answered)[len(answered) // 2] * 1000:.0f} ms / {max(answered) * 1000:.0f} ms" if answered else "-"),
        ("latency device to cloud, p50 / p99", f"{milliseconds(latency['p50'])} / {milliseconds(latency['p99'])}"),
        *[(f"memory of {name}", mib(size)) for name, size in memory.items()],
    ]
    width = max(len(label) for label, _ in rows)
    print()
    for label, value in rows:
        print(f"  {label:<{width}}  {value}")
    print()
    problems = []
    if report["acknowledged"] == 0:
        problems.append("nothing was acknowledged")
    if report["lost"]:
        problems.append(f"{report['lost']} acknowledged messages were lost")
    if anomalies["planted"] < ANOMALIES:
        problems.append(f"only {anomalies['planted']} of {ANOMALIES} anomalies had room in this run")
    if anomalies["found"] < anomalies["planted"]:
        problems.append(f"{anomalies['planted'] - anomalies['found']} of {anomalies['planted']} planted anomalies were missed")
    if share > FALSE_ALARM_LIMIT:
        problems.append(f"{share:.2%} of the samples were false alarms")
    if len(answered) < ACTUATORS:
        problems.append(f"{ACTUATORS - len(answered)} commands were not answered")
    return problems


def stop_on_sigterm(number, frame):
    """As Ctrl-C."""
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./sluice demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=15, help="how long the fleet sends, at least 8 (default: 15)")
    settings.add_flags(parser)
    flags = parser.parse_args()
    seconds = max(8, flags.seconds)
    signal.signal(signal.SIGTERM, stop_on_sigterm)

    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    box = Box(scratch, Ports.free(), settings.by_service(flags.settings), flags.mqtt_source)
    problems = ["it was interrupted"]
    try:
        box.start(say)
        register(box, fleet_ids())
        say(f"{MQTT_DEVICES} MQTT and {COAP_DEVICES} CoAP devices send {RATE_PER_S} messages/s for {seconds} s, "
            f"{ANOMALIES} anomalies among them")
        report, outcomes = drive(box, seconds, scratch / "report.json")
        memory = {name: process.memory_bytes()[0] for name, process in box.processes.items()}
        problems = show(report, outcomes, memory)
    except (StartFailed, subprocess.SubprocessError) as failure:
        problems = [str(failure)]
    except KeyboardInterrupt:
        pass
    finally:
        problems += [f"{name} ended with {code}" for name, code in box.stop().items() if code]
        logs = keep_logs(scratch) if problems else None
        shutil.rmtree(scratch)
    for problem in problems:
        print(f"  FAILED: {problem}")
    if logs:
        print(f"  The logs are in {logs}")
    if problems:
        return 1
    print("  OK: nothing acknowledged was lost, every anomaly was found, every command was answered.")
    return 0


def keep_logs(scratch):
    """Moves the logs to a place that stays; returns it, None if there are none."""
    if not (scratch / "logs").exists():
        return None
    return shutil.move(scratch / "logs", scratch.with_name(scratch.name + "-logs"))


if __name__ == "__main__":
    sys.exit(main())
