"""Runs every test: Bazel's unit tests, then the integration tests; `./sluice test`, `asan` and `tsan` call it.

The last line is `N passed, N failed`, with `, N skipped` if any were. Exits 0 only if none failed.
With --config=asan the unit tests run, built with the sanitizers, and those integration tests that put messages through the
broker's plugin, with the sanitizers inside of Mosquitto. With --config=tsan those unit tests run that have the tag `threads`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

# Integration tests whose messages go through the broker's plugin.
PLUGIN_TESTS = [f"tests/integration/test_{name}.py" for name in ("plugin_in_broker", "plugin_in_box", "receipts", "bad_input", "ways_in", "commands")]
ROOT = pathlib.Path(__file__).resolve().parent.parent
# What set-up has built for --config=tsan.
INSTRUMENTED_ABSL = pathlib.Path(os.environ.get("SLUICE_TOOLS", pathlib.Path.home() / ".cache/sluice/tools"), "absl-tsan")


class Tally:
    """Counts outcomes and keeps the names of what failed."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def add_junit(self, path, label):
        """Adds the test cases of a JUnit file; returns whether there was one."""
        try:
            cases = list(ElementTree.parse(path).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            return False
        for case in cases:
            name = f"{label} {case.get('classname', '')}.{case.get('name', '')}"
            if case.find("failure") is not None or case.find("error") is not None:
                self.failures.append(name)
            elif case.find("skipped") is not None or case.get("result") == "skipped":
                self.skipped += 1
            elif case.get("status") == "notrun":
                continue
            else:
                self.passed += 1
        return bool(cases)


def run_bazel(config, tally):
    """Builds everything and runs the unit tests."""
    with tempfile.NamedTemporaryFile(suffix=".json") as events:
        command = ["bazel", "test", "--keep_going", f"--build_event_json_file={events.name}"]
        if config:
            command.append(f"--config={config}")
        exit_code = subprocess.run([*command, "//..."], cwd=ROOT, check=False).returncode
        failures_before = len(tally.failures)
        for line in pathlib.Path(events.name).read_text().splitlines():
            add_bazel_event(json.loads(line), tally)
    # 4 is "no test", 0 success; anything else without a failed test is a broken build.
    if exit_code != 0 and len(tally.failures) == failures_before:
        tally.failures.append(f"bazel test (exit code {exit_code})")


def add_bazel_event(event, tally):
    """Counts one event of Bazel's build event protocol if it tells of a test."""
    if "testResult" in event.get("id", {}):
        label = event["id"]["testResult"]["label"]
        result = event["testResult"]
        before = len(tally.failures)
        xml = [o["uri"] for o in result.get("testActionOutput", []) if o["name"] == "test.xml"]
        counted = bool(xml) and tally.add_junit(xml[0].replace("file://", "", 1), label)
        failed = result["status"] not in ("PASSED", "FLAKY")
        if failed and len(tally.failures) == before:
            tally.failures.append(f"{label} ({result['status']})")
        elif not failed and not counted:
            tally.passed += 1
    elif "targetCompleted" in event.get("id", {}) and not event.get("completed", {}).get("success"):
        # A test that ran and failed is completed, too: its result is what counts.
        tally.failures.append(f"{event['id']['targetCompleted']['label']} (build failed)")


def sanitized_plugin(config):
    """The environment in which Mosquitto runs with the plugin built with sanitizers."""
    out = subprocess.run(["bazel", "info", f"--config={config}", "bazel-bin"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    library = subprocess.run(["g++", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True).stdout
    return {
        **os.environ, "SLUICE_PLUGIN": f"{out.strip()}/services/mosquitto_plugin/sluice_mosquitto.so",
        "SLUICE_MOSQUITTO_PRELOAD": library.strip(),
        # The broker itself leaks a little at its end.
        "LSAN_OPTIONS": f"suppressions={ROOT / 'tests/integration/mosquitto_leaks.txt'}:print_suppressions=0",
    }


def run_integration(arguments, tally, environment=None):
    """Runs the tests that start real processes."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        exit_code = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-ra",
             f"--junitxml={report.name}", *(arguments or ["tests/integration"])],
            cwd=ROOT, check=False, env=environment).returncode
        before = len(tally.failures)
        tally.add_junit(report.name, "integration")
    if exit_code != 0 and len(tally.failures) == before:
        tally.failures.append(f"pytest (exit code {exit_code})")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", choices=["asan", "tsan"], help="build with sanitizers")
    parser.add_argument("--no-unit-tests", action="store_true", help="the integration tests alone")
    parser.add_argument("pytest", nargs="*", help="passed to pytest")
    options = parser.parse_args()

    tally = Tally()
    if options.config == "tsan" and not (INSTRUMENTED_ABSL / "version").is_file():
        print(f"SKIPPED: everything, since there is no {INSTRUMENTED_ABSL}: without it there are reports of races that are none")
        tally.skipped += 1
    elif not options.no_unit_tests:
        run_bazel(options.config, tally)
    if options.config == "asan":
        if not options.no_unit_tests:
            subprocess.run([ROOT / "sluice", "build"], check=True)
        run_integration(options.pytest or PLUGIN_TESTS, tally, sanitized_plugin(options.config))
    elif options.config is None:
        run_integration(options.pytest, tally)

    print()
    for name in tally.failures:
        print(f"FAILED {name}")
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    print(f"{tally.passed} passed, {len(tally.failures)} failed{skipped}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
