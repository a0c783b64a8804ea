"""The test of the tests: plants a bug in a copy of the tree, builds it, and lets the kills or the torture machine run on it,
which must go red.

    tests/torture/planted_bugs.py [NAME …]

The first build of the copy takes as long as any first build. Exits 0 only if every bug was found.
"""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = pathlib.Path(os.environ.get("SLUICE_TOOLS") or pathlib.Path.home() / ".cache/sluice/tools")
PYTHON = TOOLS / "venv/bin/python"
COPY = TOOLS.parent / "planted"
TARGETS = ["//services/ingress:sluice-ingress", "//services/registry:sluice-registry", "//tools/fleetsim:fleetsim",
           "//services/mosquitto_plugin:sluice_mosquitto.so"]
TORTURE_TARGETS = [*TARGETS, "//services/analytics:sluice-analytics"]

WAIT = "  for (volatile int i = 0; i < 200'000; i = i + 1) {\n  }\n"  # a window wide enough to be hit

# NAME: (what must show it: victims of broker_kills.py, `torture` and the kind of its rounds, or `asan`; [(file, text, what stands there instead)]).
BUGS = {
    "head-before-record": ("both", [(
        "libs/ring/ring_producer.cc",
        "  const uint64_t position = head_ + passed_over;\n",
        "  const uint64_t position = head_ + passed_over;\n"
        "  file_.producer()->head.store(position + stride, std::memory_order_seq_cst);\n" + WAIT)]),
    "tail-before-fsync": ("unsynced", [(
        "services/ingress/ring/ring_source.cc",
        "while (!pending_.empty() && parts_.intake->IsDurable(pending_.front().receipt)) {",
        "while (!pending_.empty()) {")]),
    # Killed between the header and the content, a record of the lap before passes for the new one.
    "checksum-without-position": ("both", [
        ("libs/ring/record_format.cc",
         "  const size_t summed_bytes = kRecordHeaderBytes - sizeof(uint64_t) + content_bytes;\n"
         "  return XXH3_64bits_withSeed(record + sizeof(uint64_t), summed_bytes, seed);\n",
         "  const size_t summed_bytes = kRecordHeaderBytes - 2 * sizeof(uint64_t) + content_bytes;\n"
         "  return XXH3_64bits_withSeed(record + 2 * sizeof(uint64_t), summed_bytes, seed);\n"),
        ("libs/ring/ring_producer.cc",
         "  std::memcpy(record, &header, sizeof(header));\n",
         "  std::memcpy(record + 8, &header.position, sizeof(header) - 8);\n"),
        ("libs/ring/ring_producer.cc",
         "  uint8_t* out = record + kRecordHeaderBytes;\n",
         WAIT + "  uint8_t* out = record + kRecordHeaderBytes;\n")]),
    "intake-from-a-recreated-file": ("ring", [(
        "libs/ring/ring_producer.cc",
        "replaced_ = !file_.StandsAtPath();",
        "replaced_ = false;")]),
    "acknowledge-before-append": ("torture plain", [
        ("services/ingress/telemetry/telemetry_rpc.cc",
         "  Receipt last;\n",
         "  for (int i = 0; i < request->telemetry_size(); ++i) response->add_results();\n"
         "  std::thread([intake = parts_.intake, clock = parts_.clock, late = *request] {\n"
         "    absl::SleepFor(absl::Milliseconds(50));\n"
         "    Receipt last;\n"
         "    PublishAll(late, MomentOf(*clock), intake, &last).IgnoreError();\n"
         "  }).detach();\n"
         "  return grpc::Status::OK;\n"
         "  Receipt last;\n"),
        ("services/ingress/telemetry/telemetry_rpc.cc",
         '#include "services/ingress/telemetry/telemetry_rpc.h"\n',
         '#include "services/ingress/telemetry/telemetry_rpc.h"\n#include <thread>\n#include "absl/time/clock.h"\n')]),
    "cursor-before-send": ("torture plain", [(
        "libs/subscription/serve_stream.cc",
        "    failpoint::Reach(failpoint::Point::kSend);\n",
        "    if (!ticket.name.empty()) {\n"
        "      store.Acknowledge(ticket.name, journal.id(), 0, batch->next_offset).IgnoreError();\n"
        "    }\n"
        "    failpoint::Reach(failpoint::Point::kSend);\n")]),
    "no-fsync": ("torture image", [(
        "libs/file/posix_file_system.cc",
        "if (fdatasync(descriptor_.get()) != 0) return FileError(errno, \"sync\", path_);",
        "")]),
    # Read beyond a payload's end, for the address sanitizer inside of the broker.
    "overflow": ("asan", [(
        "libs/mqtt_record/mqtt_record.cc",
        "  Cut(&record->payload, kMaxPayloadBytes);\n",
        "  Cut(&record->payload, kMaxPayloadBytes);\n"
        "  record->payload.size += 64;\n")]),
}


def copy_tree():
    """The files that git knows, as they are now; what has not changed is left alone, and not built again."""
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, COPY / name
        if source.exists() and not (target.exists() and filecmp.cmp(source, target, shallow=False)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def passes(victims):
    """Builds the copy and says whether it passes: the kills of these victims; `torture`: rounds of the torture machine;
    `asan`: a test with the sanitizers in the broker. What they print is shown."""
    if victims == "asan":
        plugin = "//services/mosquitto_plugin:sluice_mosquitto.so"
        subprocess.run(["bazel", "build", "--config=asan", plugin], cwd=COPY, check=True)
        return subprocess.run([PYTHON, COPY / "tests/run.py", "--config=asan", "--no-unit-tests",
                               "tests/integration/test_plugin_in_broker.py::test_one_listener"], cwd=COPY, check=False).returncode == 0
    if victims.startswith("torture"):
        subprocess.run(["bazel", "build", *TORTURE_TARGETS], cwd=COPY, check=True)
        return subprocess.run([PYTHON, COPY / "tests/torture/torture.py", "--rounds", "2", "--seed", "2", "--kind",
                               victims.split()[1]], cwd=COPY, check=False, timeout=900).returncode == 0
    subprocess.run(["bazel", "build", *TARGETS], cwd=COPY, check=True)
    return subprocess.run([sys.executable, COPY / "tests/torture/broker_kills.py", "--kills", "5", "--victims", victims],
                          cwd=COPY, check=False, timeout=900).returncode == 0


def plant(name):
    """Whether the bug is found."""
    victims, edits = BUGS[name]
    sound = {path: (COPY / path).read_text() for path, _, _ in edits}
    try:
        for path, text, instead in edits:
            now = (COPY / path).read_text()
            assert now.count(text) == 1, f"{name}: {path} holds the text {now.count(text)} times"
            (COPY / path).write_text(now.replace(text, instead))
        print(f"-- {name}", flush=True)
        return not passes(victims)
    finally:
        for path, text in sound.items():
            (COPY / path).write_text(text)


def main():
    names = sys.argv[1:] or list(BUGS)
    copy_tree()
    print("-- without a bug", flush=True)
    missed = [f"red without a bug: {victims}" for victims in sorted({BUGS[name][0] for name in names}) if not passes(victims)]
    missed += [f"{name} was not found" for name in names if not plant(name)]
    for line in missed:
        print(f"FAILED: {line}")
    if not missed:
        print(f"OK: {len(names)} planted bugs, all found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
