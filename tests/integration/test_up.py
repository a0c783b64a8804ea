"""./sluice up as an operator meets it: pasted lines, a second up, a killed service, down."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

from harness import ROOT, environment, wait_for

UP = [sys.executable, str(ROOT / "tools/box/up.py")]
DOWN = [sys.executable, str(ROOT / "tools/box/down.py")]


def pid_of(data_dir, service):
    return int((data_dir / service / "LOCK").read_text())


def children(pid):
    """Pids of a process's children."""
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def test_up_and_down(tmp_path):
    data_dir = tmp_path / "data"
    flags = ["--data-dir", str(data_dir)]
    with open(tmp_path / "out", "w+") as out:
        up = subprocess.Popen([*UP, *flags, "--free-ports"], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                              env=environment())
        try:
            wait_for(lambda: "Sluice is up" in (tmp_path / "out").read_text(), "Sluice is up")
            text = (tmp_path / "out").read_text()
            for line in re.findall(r"^  ((?:mosquitto_pub|coap-client|\S*sluicectl|curl|grpcurl).*)$", text, re.MULTILINE):
                if "tail" in line:
                    line += " --count 2"
                if line.startswith("grpcurl"):
                    continue  # test_grpcurl.py: it may not be there
                pasted = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=30,
                                        check=False)
                assert pasted.returncode == 0, (line, pasted.stderr)

            second = subprocess.run([*UP, *flags], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
            assert second.returncode == 3
            assert f"running already in {data_dir} (pid {up.pid})" in second.stderr

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
