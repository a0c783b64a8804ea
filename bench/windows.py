"""What the statistics of a sliding window (mean, deviation, minimum, maximum, for every sample) cost by the window's size N:
ours, the textbook's, which goes over all N samples every time, and what memory allows to a ring that is in no cache.

    ./sluice bench windows [--rounds 5] [--json DIR]
"""

import sys

import case
import micro

PROGRAM = "services/analytics/detection/sliding_window_benchmark"
SIZES = ("10", "100", "1000", "10000", "100000")


def measure(name, flags):
    results, others_cores = micro.run(PROGRAM, f"^{name}(/|$)", 0.01 if flags.quick else flags.seconds)
    # Memory is one and the same for every size.
    return {"samples_per_us": {size: (results.get(f"{name}/{size}") or results[name])["items_per_second"] / 1e6 for size in SIZES},
            "others_cores": others_cores}


def growth(of_round):
    """What a sample costs with the largest window, in relation to the window where it costs least."""
    rates = case.figure(of_round.get("ours"), "samples_per_us")
    return max(rates.values()) / rates[SIZES[-1]] if rates else None


def slowest(of_round):
    rates = case.figure(of_round.get("ours"), "samples_per_us")
    return min(rates.values()) if rates else None


def main():
    def add_flags(parser):
        parser.add_argument("--seconds", type=float, default=0.5, help="how long each size is measured (default: 0.5)")

    arms = [case.Arm("ours", "our window", lambda flags: measure("Statistics", flags)),
            case.Arm("textbook", "the textbook", lambda flags: measure("Textbook", flags)),
            case.Arm("memory", "memory", lambda flags: measure("Memory", flags))]
    columns = [case.Column(f"N = {int(size):,}", ("samples_per_us", size), 3) for size in SIZES]
    goals = [case.Goal("million samples/s with the slowest N", slowest, at_least=20),
             case.Goal("cost of a sample with the largest N, in relation to the cheapest", growth, at_most=1.25),
             *(case.Goal(f"our window, in relation to the textbook, N = {int(size):,}", case.ratio("ours", "textbook", ("samples_per_us", size)))
               for size in SIZES),
             case.Goal("our window, in relation to memory, N = 100,000", case.ratio("ours", "memory", ("samples_per_us", SIZES[-1])))]
    return case.run("windows", "Window statistics, million samples a second on one core",
                    case.arguments("windows", __doc__, add_flags), arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
