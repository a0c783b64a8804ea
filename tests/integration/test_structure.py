"""The tree keeps its own rules."""

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
