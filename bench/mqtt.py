"""The lossless rate of MQTT telemetry: the highest rate at which everything that 1,000 devices send arrives, none is lost, and
99% of it within 100 ms. For Sluice it arrives when a gRPC subscriber has it, durable and analyzed; for the broker alone when it is acknowledged.

    ./sluice bench mqtt [--qos 1] [--rounds 5]
"""

import sys

import case
import ways
from case import Arm, Column, Goal, ratio
from lossless import Search

WAYS = (ways.ALONE, ways.PAHO, ways.SLUICE_CLOUD, ways.SLUICE_PAHO)


SLOW = 2000
AS_FAST_AS_CAN_BE = 0


def alone_at_qos_0(flags):
    """Nothing is acknowledged, and much that is sent stays in sockets: the limit is what the broker reads while TCP holds the
    fleet back. How many bytes a message has shows a fleet that sends slowly."""
    with ways.running(ways.ALONE) as place:
        slow = place.offer(flags, SLOW, 1, 1)
        message_bytes = slow.spent.read["mosquitto"] / slow.sent
        load = place.offer(flags, SLOW if flags.quick else AS_FAST_AS_CAN_BE, 1, 1 if flags.quick else flags.seconds)
        messages = load.spent.read["mosquitto"] / message_bytes
        return {"rate": messages / load.spent.seconds, "cpu_us": load.spent.cpu_us(messages), "cores": load.spent.cores(),
                "cores_of_all": sum(load.spent.cores().values()), "others_cores": load.spent.others_cores}


def run(parser, qos):
    arms = [Arm(way.name, way.title, alone_at_qos_0 if not qos and way is ways.ALONE else Search(way))
            for way in WAYS if qos or way is not ways.SLUICE_PAHO]
    columns = [Column("lossless, messages/s", "rate"), Column("p99, ms", "p99_ms", 1),
               *(Column(f"{name}, µs", ("cpu_us", name), 1) for name in ("mosquitto", "paho", "ingress", "analytics", "fleet")),
               Column("cores busy, of all", "cores_of_all", 2)]
    goals = [Goal("Sluice to the broker alone", ratio("sluice-cloud", "alone", "rate"), at_least=0.6 if qos else None),
             Goal("Sluice to bare Paho", ratio("sluice-cloud", "paho", "rate"), at_least=1.3)]
    if qos:
        goals.append(Goal("Sluice by Paho to bare Paho", ratio("sluice-paho", "paho", "rate"), at_least=0.65))
    return case.run(f"mqtt_qos{qos}", f"Lossless rate at QoS {qos}, and CPU time of a message at that rate", parser, arms, columns, goals)


def main():
    parser = case.arguments("mqtt", __doc__)
    parser.add_argument("--qos", type=int, choices=(0, 1), help="default: both")
    parser.add_argument("--seconds", type=float, default=10, help="how long a rate must hold (default: %(default)s)")
    parser.add_argument("--devices", type=int, default=1000)
    chosen = parser.parse_args().qos
    failed = 0
    for qos in (1, 0) if chosen is None else (chosen,):
        parser.set_defaults(qos=qos)
        failed |= run(parser, qos)
    return failed


if __name__ == "__main__":
    sys.exit(main())
