"""A benchmark case: arms that are measured in turn, A B A B, and goals that compare them within a round.

A round holds one measurement of every arm, as close together as they can be: a ratio is taken within a round, and its median
over the rounds is what counts. The figures of one arm by themselves say little on a machine that others share.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import signal
import statistics
import time
import typing

import machine
from process import StartFailed


@dataclasses.dataclass
class Arm:
    """One of those that are compared. `measure(flags)` returns {figure: number, or {part: number}}; StartFailed if it cannot be
    measured. A figure `others_cores` says what all else on the machine took meanwhile. A list `problems` says what may not be."""

    name: str
    title: str
    measure: typing.Callable


@dataclasses.dataclass
class Column:
    """A figure that the table shows: `path` is its name, or a tuple of names."""

    title: str
    path: object
    digits: int = 0


@dataclasses.dataclass
class Goal:
    """What is to be reached. `value(round)` takes {arm: figures} of one round; None where there is none."""

    text: str
    value: typing.Callable
    at_least: float = None
    at_most: float = None

    def reached(self, value):
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def wanted(self):
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}" if self.at_most is not None else "–"


def figure(figures, path):
    """One of an arm's figures; None if there is none."""
    for key in (path,) if isinstance(path, str) else path:
        figures = figures.get(key) if isinstance(figures, dict) else None
    return figures


def ratio(arm, base, path):
    """The value of a goal that compares one figure of two arms."""
    def value(of_round):
        mine, other = (figure(of_round.get(name), path) for name in (arm, base))
        return mine / other if mine is not None and other else None
    return value


def spread(values, digits):
    """The median, and between which values all lie."""
    if not values:
        return ""
    text = f"{statistics.median(values):,.{digits}f}"
    return text if len(values) == 1 else f"{text} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def table(heads, rows):
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    for cells in [heads, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |")
    print(flush=True)


def arguments(name, doc, add_flags=lambda parser: None):
    """The flags that every case has, and its own."""
    parser = argparse.ArgumentParser(prog=f"./sluice bench {name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often every arm is measured (default: 5)")
    parser.add_argument("--arms", help="only these, separated by commas")
    parser.add_argument("--json", type=pathlib.Path, metavar="DIR", help="write all figures of all rounds to a file there")
    parser.add_argument("--patience", type=float, default=0, metavar="SECONDS",
                        help="on a busy machine spend so much in all on waiting, and on measuring anew what was disturbed")
    parser.add_argument("--quick", action="store_true", help="one round, as short as can be: shows only that it works")
    add_flags(parser)
    return parser


def _measure(arm, flags):
    """As often as patience lasts, until nothing else ran beside it."""
    while True:
        while flags.patience > 0 and machine.busy_cores() > machine.QUIET_CORES:
            flags.patience -= 1
        started = time.monotonic()
        figures = arm.measure(flags)
        if flags.patience <= 0 or figures.get("others_cores", 0) <= machine.QUIET_CORES:
            return figures
        flags.patience -= time.monotonic() - started


def _stop(number, frame):
    raise KeyboardInterrupt


MAY_BE_ZERO = ("patience", "qos", "warm_up")


def _parse(parser):
    """The flags, checked before anything is measured."""
    flags = parser.parse_args()
    for name, value in vars(flags).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if not math.isfinite(value) or value < 0 or value == 0 and name not in MAY_BE_ZERO:
            parser.error(f"--{name.replace('_', '-')}: {value} is out of range")
    if flags.quick:
        flags.rounds = 1
    if flags.json:
        try:
            flags.json.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"--json: {error}")
        if not os.access(flags.json, os.W_OK):
            parser.error(f"--json: {flags.json} cannot be written to")
    return flags


def _show(title, arms, columns, goals, rounds):
    print(f"\n{title}\n")
    shown = [arm for arm in arms if any(arm.name in of_round for of_round in rounds)]
    table(["", *(column.title for column in columns)],
          [[arm.title, *(spread([value for of_round in rounds if (value := figure(of_round.get(arm.name), column.path)) is not None],
                                column.digits) for column in columns)] for arm in shown])
    rows, results = [], []
    for goal in goals:
        values = [value for of_round in rounds if (value := goal.value(of_round)) is not None]
        has_bound = goal.at_least is not None or goal.at_most is not None
        reached = goal.reached(statistics.median(values)) if values and has_bound else None
        results.append({"goal": goal.text, "wanted": goal.wanted, "values": values, "reached": reached})
        rows.append([goal.text, goal.wanted, spread(values, 2), {True: "yes", False: "NO", None: "" if values else "not measured"}[reached]])
    if rows:
        table(["goal", "to reach", "measured", "reached"], rows)
    others = [value for of_round in rounds for figures in of_round.values() if (value := figures.get("others_cores")) is not None]
    if others:
        print(f"All else on the machine took at most {max(others):.2f} of {os.cpu_count()} cores"
              f"{': TOO MUCH for these figures to count' if max(others) > machine.QUIET_CORES else ''}.\n", flush=True)
    return results


def run(name, title, parser, arms, columns, goals):
    """Measures, shows and writes; returns the exit code: 0 if all could be measured and lost nothing. A goal that is missed is
    no failure."""
    flags = _parse(parser)
    if flags.arms:
        if unknown := set(flags.arms.split(",")) - {arm.name for arm in arms}:
            parser.error(f"--arms: there is no {', '.join(sorted(unknown))}; there are {', '.join(arm.name for arm in arms)}")
        arms = [arm for arm in arms if arm.name in flags.arms.split(",")]
    for stop in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(stop) is not signal.SIG_IGN:  # as under nohup
            signal.signal(stop, _stop)
    try:
        return _run(name, title, flags, arms, columns, goals)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        return 128 + signal.SIGINT


def _run(name, title, flags, arms, columns, goals):
    rounds, problems = [], []
    for number in range(flags.rounds):
        rounds.append({})
        for arm in arms:
            print(f"  {name}, round {number + 1} of {flags.rounds}: {arm.title}", flush=True)
            try:
                rounds[-1][arm.name] = figures = _measure(arm, flags)
            except StartFailed as failure:
                problems.append(f"{arm.title}: {failure}")
            else:
                problems += [f"{arm.title}: {problem}" for problem in figures.pop("problems", [])]
    results = _show(title, arms, columns, goals, rounds)
    if flags.json:
        settings = {key: str(value) for key, value in vars(flags).items()}
        (flags.json / f"{name}.json").write_text(json.dumps(
            {"machine": machine.description(), "settings": settings, "rounds": rounds, "goals": results}, indent=1) + "\n")
    for problem in problems:
        print(f"  FAILED: {problem}")
    return 1 if problems else 0
