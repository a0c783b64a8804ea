"""The lossless rate: the highest rate at which, over some seconds, everything that was sent arrives, none is lost, and 99% of it
within 100 ms."""

import ways
from process import StartFailed

HELD = 0.98
P99_MS = 100
# The search ends when what holds and what does not lie so close together.
STEP = 1.05
FIRST_RATE = 20_000
HIGHEST = 400_000


def probe(place, flags, rate):
    """Offers that rate; returns the figures of the run, and whether it was held."""
    before = place.latencies() if place.way.name == "paho" else None
    begin = place.received()
    load = place.offer(flags, rate, 0.5 if flags.quick else 2, 1 if flags.quick else flags.seconds)
    report = load.report
    wanted = report["acknowledged"] if flags.qos else report["sent"]
    p99_ms = report["acknowledge_latency_us"]["p99"] / 1000 if flags.qos else 0
    lost = 0
    if begin is not None:
        lost = max(0, wanted - (place.await_received(begin + wanted) - begin))
    if place.way.subscriber:
        lost = max(lost, report["lost"] + (0 if flags.qos else report["lost_unacknowledged"]))
        p99_ms = max(p99_ms, report["latency_us"]["p99"] / 1000)
    if before is not None:
        p99_ms = max(p99_ms, ways.percentile_ms([b - a for a, b in zip(before, place.latencies())], 0.99))
    cores = load.spent.cores()
    figures = {"rate": load.sent_per_s, "p99_ms": p99_ms, "cpu_us": load.spent.cpu_us(load.sent), "cores": cores,
               "cores_of_all": sum(cores.values()), "others_cores": load.spent.others_cores}
    acknowledged_in_time = not flags.qos or report["acknowledged"] >= HELD * report["sent"]
    return figures, load.sent_per_s >= HELD * rate and acknowledged_in_time and not lost and p99_ms <= P99_MS


class Search:
    """Looks for one way's rate, each time from where it was found before."""

    def __init__(self, way):
        self._way = way
        self._rate = FIRST_RATE

    def __call__(self, flags):
        with ways.running(self._way) as place:
            if flags.quick:
                return probe(place, flags, 2000)[0]
            return self._search(place, flags)

    def _search(self, place, flags):
        step, rate, best, failed = 1.5 if self._rate == FIRST_RATE else STEP, self._rate, None, None
        others = 0
        while True:
            figures, held = probe(place, flags, rate)
            others = max(others, figures["others_cores"])
            print(f"    {rate:,.0f}/s {'held' if held else 'not held'}: {figures['rate']:,.0f}/s, p99 {figures['p99_ms']:.1f} ms", flush=True)
            if held and (best is None or figures["rate"] > best["rate"]):
                best, low = figures, rate
            elif not held:
                failed = rate if failed is None else min(failed, rate)
            if best and failed and failed / low <= STEP * 1.01:
                break
            if best and failed:
                rate = (low * failed) ** 0.5 if failed / low > STEP**2 else low * STEP
            else:
                rate = rate * step if best else rate / step
            if not 100 <= rate <= HIGHEST:
                raise StartFailed(f"no lossless rate between 100/s and {HIGHEST:,}/s")
        self._rate = low
        return best | {"others_cores": others}
