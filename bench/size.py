"""How large the three services are, without the libraries of the system that they are linked with.

    ./sluice bench size [--json DIR]

Builds them as for a small board (`./sluice build --config=small`) and as otherwise, and strips a copy of each. Sizes do not
change from round to round: one is enough.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import case
from box import BIN, BINARIES, ROOT
from process import StartFailed
from usage import MIB

SERVICES = ("registry", "ingress", "analytics")


def stripped_mib(binaries):
    """{name: size} of {name: path}, and all together."""
    sizes = {}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as directory:
        for name, binary in binaries.items():
            copy = pathlib.Path(directory) / name
            shutil.copyfile(binary, copy)
            subprocess.run(["strip", copy], check=True)
            sizes[name] = copy.stat().st_size / MIB
    return sizes | {"together": sum(sizes.values())}


def measure_usual(_):
    return {"mib": stripped_mib({name: BINARIES[name] for name in SERVICES})}


def measure_small(flags):
    small = {name: ROOT / ".bazel/small-bin" / BINARIES[name].relative_to(BIN) for name in SERVICES}
    if flags.quick:  # a build takes minutes
        return {"mib": stripped_mib(small)} if all(path.exists() for path in small.values()) else {}
    built = subprocess.run(["bazel", "build", "--config=small", *(f"//services/{name}:sluice-{name}" for name in SERVICES)],
                           cwd=ROOT, check=False, capture_output=True, text=True)
    if built.returncode != 0:
        raise StartFailed(f"the build failed: {built.stderr[-1000:]}")
    return {"mib": stripped_mib(small)}


ARMS = [case.Arm("usual", "as usual (-O2)", measure_usual), case.Arm("small", "--config=small (-Os, LTO)", measure_small)]
COLUMNS = [case.Column(f"{name}, MiB", ("mib", name), 2) for name in (*SERVICES, "together")]
GOALS = [case.Goal("the three together, stripped, MiB", lambda of_round: case.figure(of_round.get("small"), ("mib", "together")), at_most=10)]


def main():
    parser = case.arguments("size", __doc__)
    parser.set_defaults(rounds=1)
    return case.run("size", "Size of the services", parser, ARMS, COLUMNS, GOALS)


if __name__ == "__main__":
    sys.exit(main())
