"""The tree keeps its own rules."""

import re
import subprocess
import sys

from harness import ROOT

CHECK = ROOT / "tests/structure/check_decision_units.py"


def check(root):
    return subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True, check=False)


def test_decision_units_know_no_foreign_library():
    result = check(ROOT)
    assert result.returncode == 0, result.stdout


def test_the_check_finds_a_planted_include(tmp_path):
    unit = tmp_path / "libs/unit"
    unit.mkdir(parents=True)
    (unit / "BUILD.bazel").write_text('decision_library(\n    name = "unit",\n    hdrs = ["unit.h"],\n)\n')
    (unit / "unit.h").write_text('#include "libs/unit/deep.h"\n')
    (unit / "deep.h").write_text("#include <grpcpp/server.h>\n")
    result = check(tmp_path)
    assert result.returncode == 1
    assert "libs/unit/deep.h:1: knows gRPC" in result.stdout


def expanded(names):
    """`a/{b,c}` as a/b and a/c."""
    braces = re.fullmatch(r"(.*)\{(.*)\}", names)
    return [braces[1] + name for name in braces[2].split(",")] if braces else [names]


def test_architecture_names_every_folder():
    table = re.findall(r"^\| (`.*?`) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    named = {name.rstrip("/") for cell in table for names in re.findall(r"`(.*?)`", cell) for name in expanded(names)}
    assert all((ROOT / name).is_dir() for name in named), named
    packages = [*ROOT.glob("libs/*/BUILD.bazel"), *ROOT.glob("services/*/BUILD.bazel"),
                *ROOT.glob("services/ingress/*/BUILD.bazel")]
    folders = {str(package.parent.relative_to(ROOT)) for package in packages} - {"services/ingress", "services/ingress/testing"}
    assert folders <= named, f"not in ARCHITECTURE.md: {folders - named}"
