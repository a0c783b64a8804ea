"""The benchmarks run. Their figures mean nothing here."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = sorted(path.stem for path in (ROOT / "bench").glob("*.py"))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.timeout(300)
def test_a_benchmark_runs(case, tmp_path):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}/bench/lib:{ROOT}/tools/box", "TMPDIR": str(tmp_path)}
    done = subprocess.run(["/usr/bin/python3", ROOT / "bench" / f"{case}.py", "--quick", "--json", tmp_path / "json"], env=environment,
                          capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "json").glob("*.json")), "it has written no figures"
    assert "to reach" in done.stdout
