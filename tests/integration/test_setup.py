"""Set-up as it meets different machines; their apt, sudo and Go are small scripts that note how they are called."""

import shutil
import subprocess

import pytest
from harness import ROOT

SETUP = ROOT / "tools/setup/setup.sh"
TOOLS = ["awk", "bash", "cat", "chmod", "cmp", "cp", "dirname", "env", "grep", "ln", "mkdir", "mv", "printf", "rm", "sed",
         "tee", "xargs"]


class Machine:
    """What set-up finds: a directory of programs, and the notes that they leave."""

    def __init__(self, directory):
        self.bin = directory / "bin"
        self.tools = directory / "tools"
        self.notes = directory / "notes"
        self.notes.touch()
        (self.tools / "venv").mkdir(parents=True)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        shutil.copy(SETUP.parent / "requirements.txt", self.tools / "venv/requirements.txt")
        self.program("dpkg-query", 'printf "ii "')
        self.program("id", "echo 1000")

    def program(self, name, script):
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.notes}\n{script}\n')
        path.chmod(0o755)

    def set_up(self, *groups):
        return subprocess.run([SETUP, *groups], capture_output=True, text=True, timeout=30, check=False,
                              env={"PATH": str(self.bin), "HOME": str(self.tools), "SLUICE_TOOLS": str(self.tools)})

    def noted(self, program):
        return [line for line in self.notes.read_text().splitlines() if line.startswith(program)]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def without_mosquitto(machine):
    machine.program("dpkg-query", '[ "${@: -1}" = mosquitto ] || printf "ii "')


def test_nothing_to_do(machine):
    result = machine.set_up("build")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_missing_package_as_a_user_with_sudo(machine):
    without_mosquitto(machine)
    machine.program("sudo", "if [ $1 = tee ]; then cat >/dev/null; fi")
    result = machine.set_up("build")
    assert result.returncode == 0, result.stderr
    assert "installing from Debian: mosquitto\n" in result.stderr
    calls = machine.noted("sudo")
    install = next(i for i, call in enumerate(calls) if "apt-get install" in call)
    assert calls[install].endswith("--no-install-recommends mosquitto")
    if len(calls) > 2:  # this machine has no policy-rc.d of its own
        assert "tee /usr/sbin/policy-rc.d" in calls[install - 2]
        assert "rm -f /usr/sbin/policy-rc.d" in calls[install + 1]


def test_a_missing_package_that_apt_cannot_install(machine):
    without_mosquitto(machine)
    machine.program("sudo", "if [ $1 = tee ]; then cat >/dev/null; fi; [[ $* != *install* ]]")
    assert machine.set_up("build").returncode != 0
    calls = machine.noted("sudo")
    assert "tee /usr/sbin/policy-rc.d" not in "".join(calls) or "rm -f /usr/sbin/policy-rc.d" in calls[-1]


def test_a_missing_package_without_root_or_sudo(machine):
    without_mosquitto(machine)
    result = machine.set_up("build")
    assert result.returncode != 0
    assert "run it as root, or install sudo" in result.stderr


def test_no_go_and_no_network_for_go_are_skipped_loudly(machine):
    result = machine.set_up("test")
    assert result.returncode == 0 and "SKIPPED: grpcurl (no Go" in result.stderr
    machine.program("go", "echo no route to host; exit 1")
    result = machine.set_up("test")
    assert result.returncode == 0 and "SKIPPED: grpcurl could not be installed" in result.stderr
    assert "no route" in (machine.tools / "grpcurl.log").read_text()


def test_no_network_for_the_linters_says_why(machine):
    machine.program("npm", "echo 'ENOTFOUND registry' >&2; exit 1")
    result = machine.set_up("lint")
    assert result.returncode != 0 and "ENOTFOUND" in result.stderr
    machine.program("npm", "mkdir -p $SLUICE_TOOLS/node_modules")
    assert machine.set_up("lint").returncode == 0
    calls = len(machine.noted("npm"))
    assert machine.set_up("lint").returncode == 0 and len(machine.noted("npm")) == calls


def test_no_source_of_abseil_is_skipped_loudly(machine):
    result = machine.set_up("tsan")
    assert result.returncode == 0 and "SKIPPED: there is no Abseil for the thread sanitizer" in result.stderr
    assert (machine.tools / "absl-tsan.log").exists()


def test_an_abseil_of_the_same_version_is_not_built_again(machine):
    (machine.tools / "absl-tsan").mkdir()
    (machine.tools / "absl-tsan/version").write_text("ii ")  # what this machine says of every package
    result = machine.set_up("tsan")
    assert (result.returncode, result.stderr) == (0, "")


def test_an_unknown_group(machine):
    result = machine.set_up("kitchen")
    assert result.returncode == 2 and "unknown group: kitchen" in result.stderr
