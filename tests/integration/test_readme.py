"""The README's lines, as they stand there but for the ports, which are free ones here."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import ROOT, wait_for

TOOLS = pathlib.Path(os.environ.get("SLUICE_TOOLS", pathlib.Path.home() / ".cache/sluice/tools"))


def blocks():
    """The lines of each block of code."""
    return [block.strip().splitlines() for block in re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)]


class Terminal:
    """A shell in the tree's root for which the box has the usual ports."""

    def __init__(self, box):
        port = box.mqtt.split(":")[1]
        self._here = [
            (r"^mosquitto_(pub|sub)", rf"exec mosquitto_\1 -p {port}"),
            (r"^sluicectl", f"{ROOT}/.bazel/bin/tools/sluicectl/sluicectl --data-dir {box.data_dir}"),
            ("coap://127.0.0.1/", f"coap://{box.coap}/"),
            ("127.0.0.1:7102", box.grpc("registry")),
            ("--from earliest", "--from earliest --count 2"),
        ]
        self._environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{TOOLS / 'bin'}"}

    def start(self, line, output):
        for usual, here in self._here:
            line = re.sub(usual, here, line)
        return subprocess.Popen(["bash", "-c", line], cwd=ROOT, stdout=output, text=True, env=self._environment)

    def run(self, line):
        """What a line prints; it has to succeed."""
        with self.start(line, subprocess.PIPE) as shell:
            text, _ = shell.communicate(timeout=30)
        assert shell.returncode == 0, line
        return text


def test_the_first_five_minutes(box):
    terminal = Terminal(box)
    lines = next(block for block in blocks() if block[0].startswith("mosquitto_pub"))
    has_grpcurl = shutil.which("grpcurl") or (TOOLS / "bin/grpcurl").exists()
    text = "".join(terminal.run(line) for line in lines if has_grpcurl or not line.startswith("grpcurl"))
    assert "temperature=21.5" in text and "temperature=22.1" in text
    assert text.count("serving") >= 3
    alias = next(line for line in lines if line.startswith("alias sluicectl=$PWD/"))
    assert (ROOT / alias.split("$PWD/")[1]).exists()


def test_a_command_and_its_answer(box, tmp_path):
    terminal = Terminal(box)
    lines = next(block for block in blocks() if "devices create" in block[0])
    terminal.run(lines[0])
    heard = tmp_path / "heard"
    with open(heard, "w") as output, terminal.start(lines[1].rstrip("& "), output) as subscriber:
        try:
            # The first may be too early for a subscription that is just being made.
            wait_for(lambda: terminal.run(lines[2]) and heard.read_text(), "a command at the device")
            command_id = re.search(r'"command_id": "([^"]+)"', heard.read_text()).group(1)
        finally:
            subscriber.terminate()
    answer, get = (line.replace("COMMAND_ID", command_id) for line in lines[3:])
    terminal.run(answer)
    shown = wait_for(lambda: "SUCCEEDED" in (text := terminal.run(get)) and text, "the answer")
    assert '{"angle":90}' in shown
