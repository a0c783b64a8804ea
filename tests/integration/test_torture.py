"""A short run of the kills in tests/torture; the long one is run by hand."""

import random

import pytest

import broker_kills  # of tests/torture, by harness

DEVICES, RATE = 200, 20_000


@pytest.mark.parametrize("victim", broker_kills.VICTIMS)
def test_three_kills(victim, tmp_path):
    seed = random.SystemRandom().randrange(1 << 30)
    counted, problems = broker_kills.run(victim, 3, DEVICES, RATE, seed, tmp_path, say=lambda line: None)
    assert not problems, f"seed {seed}: {counted}"
    assert counted["acknowledged"] > 10_000, f"seed {seed}: {counted}"
