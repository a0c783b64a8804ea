"""What a message costs, in CPU time of the broker and of all that takes it in, at a rate that every way can hold: by a
subscription, as other programs do it, and by Sluice, durable and analyzed.

    ./sluice bench mqtt_cpu [--rounds 5] [--rate 20000]
"""

import sys

import case
import ways
from case import Arm, Column, Goal, figure, ratio

WAYS = (ways.ALONE, ways.RAW, ways.PAHO, ways.NODE, ways.PYTHON, ways.DRAIN, ways.SLUICE_INGRESS, ways.SLUICE, ways.SLUICE_INGRESS_PAHO)
# A rate counts as held if so much of it was acknowledged, and received, while CPU time was counted.
HELD = 0.98


def measure(way, flags):
    with ways.running(way) as place:
        begin = place.received()
        counted = []
        load = place.offer(flags, flags.rate, 0 if flags.quick else 3, 1 if flags.quick else flags.seconds,
                           at_end=lambda: counted.append(place.received()))
        cpu_us = load.spent.cpu_us(load.acknowledged)
        figures = {
            "cpu_us": cpu_us,
            "hop_us": sum(us for name, us in cpu_us.items() if name != "fleet"),
            "behind_us": sum(us for name, us in cpu_us.items() if name not in ("fleet", "mosquitto")),
            "per_s": load.acknowledged_per_s,
            "fleet_cores": load.spent.cores()["fleet"],
            "waits": sum(waits for name, waits in load.spent.switches.items() if name != "fleet") * 1000 / max(1, load.acknowledged),
            "ack_p99_ms": load.report["acknowledge_latency_us"]["p99"] / 1000,
            "others_cores": load.spent.others_cores,
        }
        acknowledged = load.report["acknowledged"]
        figures["held"] = load.acknowledged_per_s >= HELD * flags.rate and (
            begin is None or counted[0] - begin >= HELD * 0.95 * acknowledged)
        problems = []
        if begin is not None and (have := place.await_received(begin + acknowledged) - begin) < acknowledged:
            problems.append(f"{acknowledged - have} acknowledged messages did not arrive")
        return figures | {"problems": problems}


def no_more_than_alone(of_round):
    mine, alone = (figure(of_round.get(name), "hop_us") for name in ("sluice", "alone"))
    return mine - alone if mine is not None and alone is not None else None


def held_ratio(arm, base):
    """Compares where ours held the rate. A rival that did not is shown cheaper than it is."""
    compare = ratio(arm, base, "hop_us")
    return lambda of_round: compare(of_round) if figure(of_round.get(arm), "held") else None


def main():
    parser = case.arguments("mqtt_cpu", __doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="messages a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="how long each is measured (default: %(default)s)")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--qos", type=int, default=1)
    ways_here = [way for way in WAYS if way is not ways.NODE or (ways.NODE_MODULES / "mqtt").exists()]
    if len(ways_here) < len(WAYS):
        print("  SKIPPED: Node.js, since mqtt.js is not installed: tools/setup/setup.sh bench")
    arms = [Arm(way.name, way.title, lambda flags, way=way: measure(way, flags)) for way in ways_here]
    columns = [Column("broker and all behind it, µs", "hop_us", 1), Column("broker", ("cpu_us", "mosquitto"), 1), Column("behind it", "behind_us", 1),
               Column("waits for 1,000 messages", "waits"), Column("PUBACK p99, ms", "ack_p99_ms", 1), Column("held, messages/s", "per_s"),
               Column("cores of the fleet", "fleet_cores", 2)]
    goals = [Goal("Sluice to bare Paho", held_ratio("sluice", "paho"), at_most=0.5), Goal("Sluice to Node.js", held_ratio("sluice", "node"), at_most=0.5),
             Goal("Sluice to Python", held_ratio("sluice", "python"), at_most=0.5),
             Goal("Sluice without the broker alone, µs", no_more_than_alone, at_most=10)]
    return case.run("mqtt_cpu", "CPU time of one message, in µs", parser, arms, columns, goals)


if __name__ == "__main__":
    sys.exit(main())
