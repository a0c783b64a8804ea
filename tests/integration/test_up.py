"""./sluice up as an operator meets it: pasted lines, a second up, a killed service, down."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest
from harness import ROOT, environment, wait_for

import box as box_module  # of tools/box, by harness
from process import Process  # likewise

UP = [sys.executable, str(ROOT / "tools/box/up.py")]
DOWN = [sys.executable, str(ROOT / "tools/box/down.py")]


def pid_of(data_dir, service):
    return int(wait_for((data_dir / service / "LOCK").read_text, f"the pid of {service}"))


def children(pid):
    """Pids of a process's children."""
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("flags, word", [
    (["--data-dir", ""], "--data-dir: must not be empty"),
    (["--mqtt-port", "65536"], "--mqtt-port: '65536' is no port"),
    (["--mqtt-port", "-1"], "--mqtt-port: '-1' is no port"),
    (["--coap-port", "x"], "--coap-port: 'x' is no port"),
    (["--set", "plugin.topic="], "plugin.topic is ''; must be a value on one line"),
    (["--set", "plugin.topic=a/+\nuser root"], "plugin.topic is 'a/+\\nuser root'; must be a value on one line"),
    *((["--set", f"{path}=x"], f"{path} is given by the box itself") for path in (
        "plugin.ring", "plugin.own_client_id", "ingress.mqtt.brokers.0.address", "ingress.mqtt.brokers.0.ring",
        "ingress.mqtt.brokers.0.source")),
])
def test_wrong_flags_start_nothing(tmp_path, flags, word):
    up = subprocess.run([*UP, "--data-dir", str(tmp_path / "data"), "--free-ports", *flags], cwd=tmp_path,
                        env=environment(), capture_output=True, text=True, timeout=20, check=False)
    assert up.returncode == 2
    assert word in up.stderr
    assert not list(tmp_path.iterdir())


def test_down_without_a_directory(tmp_path):
    down = subprocess.run([*DOWN, "--data-dir", ""], cwd=tmp_path, capture_output=True, text=True, timeout=20,
                          check=False)
    assert down.returncode == 2
    assert "--data-dir: must not be empty" in down.stderr


def test_up_and_down(tmp_path):
    data_dir = tmp_path / "data"
    flags = ["--data-dir", str(data_dir)]
    with open(tmp_path / "out", "w+") as out:
        up = subprocess.Popen([*UP, *flags, "--free-ports"], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                              env=environment())
        try:
            wait_for(lambda: "Sluice is up" in (tmp_path / "out").read_text(), "Sluice is up")
            text = (tmp_path / "out").read_text()
            lines = re.findall(r"^  (\S.*)$", text, re.MULTILINE)
            assert len(lines) >= 6
            for line in lines:
                if "tail" in line:
                    line += " --count 2"
                pasted = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=30,
                                        check=False)
                assert pasted.returncode == 0, (line, pasted.stderr)

            second = subprocess.run([*UP, *flags], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
            assert second.returncode == 3
            assert f"running already in {data_dir} (pid {up.pid}); ./sluice down --data-dir {data_dir}" in second.stderr

            processes = children(up.pid)
            assert len(processes) == 4
            victim = pid_of(data_dir, "registry")
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: "registry was killed by signal 9" in (tmp_path / "out").read_text(), "word of the death")
            wait_for(lambda: pid_of(data_dir, "registry") != victim, "a new registry")
            wait_for((data_dir / "registry/endpoints.json").exists, "the new registry serving")

            processes = children(up.pid)
            down = subprocess.run([*DOWN, *flags], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
            assert down.returncode == 0, down.stderr
            assert up.wait(20) == 0
            assert not any(alive(pid) for pid in processes)
        finally:
            up.kill()
            up.wait()
    again = subprocess.run([*DOWN, *flags], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert again.returncode == 0 and "nothing runs" in again.stderr


def test_ctrl_c_stops_all(tmp_path):
    with open(tmp_path / "out", "w+") as out, subprocess.Popen(
            [*UP, "--data-dir", str(tmp_path / "data"), "--free-ports"], cwd=ROOT, stdout=out,
            stderr=subprocess.STDOUT, env=environment(), start_new_session=True) as up:
        wait_for(lambda: "Sluice is up" in (tmp_path / "out").read_text(), "Sluice is up")
        processes = children(up.pid)
        os.killpg(up.pid, signal.SIGINT)
        assert up.wait(20) == 0
    assert len(processes) == 4 and not any(alive(pid) for pid in processes)
    assert not list((tmp_path / "data").glob("*/endpoints.json"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts(tmp_path, number):
    with subprocess.Popen([*UP, "--data-dir", str(tmp_path / "data"), "--free-ports"], cwd=ROOT, text=True,
                          stderr=subprocess.PIPE, env=environment()) as up:
        processes = wait_for(lambda: children(up.pid), "the first process")
        up.send_signal(number)
        assert up.wait(20) == 1
        assert "stopped while starting" in up.stderr.read()
    # One that was being started ends as its parent does.
    wait_for(lambda: not any(alive(pid) for pid in processes), "the end of all processes")


def test_a_data_directory_that_cannot_be_used():
    up = subprocess.run([*UP, "--data-dir", "/proc/nowhere"], capture_output=True, text=True, timeout=20, check=False)
    assert up.returncode == 1
    assert "data directory /proc/nowhere cannot be used" in up.stderr and "Traceback" not in up.stderr


def test_a_wrong_setting_is_named(tmp_path):
    up = subprocess.run([*UP, "--data-dir", str(tmp_path / "data"), "--free-ports", "--set", "ingress.colour=red"],
                        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert up.returncode == 1 and "colour: unknown key" in up.stderr
    up = subprocess.run([*UP, "--set", "kitchen.sink=1"], capture_output=True, text=True, timeout=20, check=False)
    assert up.returncode == 2 and "'kitchen.sink=1' is not SERVICE.PATH=VALUE" in up.stderr


def test_a_program_that_cannot_be_started_is_tried_again(tmp_path):
    """As when it is being built anew just when its process dies."""
    program = tmp_path / "program"

    def install():
        program.with_suffix(".new").write_text("#!/bin/sh\nexec sleep 60\n")
        program.with_suffix(".new").chmod(0o755)
        program.with_suffix(".new").rename(program)

    install()
    supervised = Process("sleeper", [program], tmp_path / "log")
    supervised.start()
    program.unlink()
    supervised.signal(signal.SIGKILL)
    said = []
    wait_for(lambda: supervised.watch(said.append) or any("cannot be started" in line for line in said), "word of it")
    assert supervised.restarts == 0
    install()
    wait_for(lambda: supervised.watch(said.append), "the restart")
    assert supervised.running() and supervised.restarts == 1
    supervised.stop()


def test_the_processor_time_of_a_process(tmp_path):
    busy = Process("busy", ["/bin/sh", "-c", "while :; do :; done"], tmp_path / "log")
    assert busy.cpu_seconds() == 0.0
    busy.start()
    try:
        wait_for(lambda: busy.cpu_seconds() > 0.1, "some work")
    finally:
        busy.stop()
    assert busy.cpu_seconds() == 0.0


def test_nothing_is_left_when_up_itself_is_killed(tmp_path):
    data_dir = tmp_path / "data"
    with open(tmp_path / "out", "w+") as out, subprocess.Popen(
            [*UP, "--data-dir", str(data_dir), "--free-ports"], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=environment()) as up:
        wait_for(lambda: "Sluice is up" in (tmp_path / "out").read_text(), "Sluice is up")
        processes = children(up.pid)
        up.kill()
        up.wait()
    wait_for(lambda: not any(alive(pid) for pid in processes), "the end of all processes")


def test_a_taken_mqtt_port_names_its_owner(tmp_path):
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        result = subprocess.run([*UP, "--data-dir", str(tmp_path / "data"), "--free-ports", "--mqtt-port", str(port)],
                                cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert f"MQTT port {port} is taken" in result.stderr and f"(pid {os.getpid()})" in result.stderr


def test_a_broker_that_saved_more_than_its_memory_starts_again(tmp_path, monkeypatch):
    def start():
        broker = box_module.Box(tmp_path, box_module.Ports(mqtt=0))
        broker.start_one("mosquitto")
        return broker

    broker = start()
    try:
        client = ["-p", broker.mqtt.split(":")[1], "-q", "1", "-t", "big"]
        subprocess.run(["mosquitto_sub", *client, "-i", "away", "-c", "-E"], check=True, timeout=20)
        for _ in range(20):
            subprocess.run(["mosquitto_pub", *client, "-s"], input=b"x" * 60_000, check=True, timeout=20)
    finally:
        broker.stop()
    monkeypatch.setattr(box_module, "BROKER_MEMORY_BYTES", 256 << 10)
    broker = start()
    try:
        client = ["-p", broker.mqtt.split(":")[1], "-q", "1", "-t", "big"]
        got = subprocess.run(["mosquitto_sub", *client, "-i", "away", "-c", "-C", "20"], capture_output=True, check=True,
                             timeout=20)
        assert len(got.stdout) == 20 * 60_001
    finally:
        broker.stop()
