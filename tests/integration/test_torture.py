"""Short runs of what is in tests/torture; the long ones are run by hand (docs/reliability.md)."""

import random
import subprocess

import pytest
from harness import PYTHON, ROOT

import broker_kills  # of tests/torture, by harness
from account import Account

DEVICES, RATE = 200, 20_000


@pytest.mark.parametrize("victim", broker_kills.VICTIMS)
def test_three_kills(victim, tmp_path):
    seed = random.SystemRandom().randrange(1 << 30)
    counted, problems = broker_kills.run(victim, 3, DEVICES, RATE, seed, tmp_path, say=lambda line: None)
    assert not problems, f"seed {seed}: {counted}"
    assert counted["acknowledged"] > 10_000, f"seed {seed}: {counted}"


@pytest.mark.timeout(600)
def test_two_minutes_of_the_torture_machine():
    done = subprocess.run([PYTHON, ROOT / "tests/torture/torture.py", "--minutes", "2"], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)  # what was counted, and the seed; shown if it failed
    assert done.returncode == 0


def account(**others):
    """Of three messages that were sent, acknowledged and received, but for what is said."""
    keys = [("a", 1), ("a", 2), ("b", 1)]
    result = Account()
    result.sent = others.get("sent", dict.fromkeys(keys, "content"))
    result.acknowledged = others.get("acknowledged", dict.fromkeys(keys, "gateway"))
    result.refused = others.get("refused", {})
    for key, content in others.get("received", [(key, "content") for key in keys]):
        result.receive(key, content)
    return result


def test_the_account_of_a_good_run_is_clear():
    good = account()
    good.receive(("a", 1), "content", again=True)
    assert good.broken() == [] and good.unclassed({"q": (0, 0)}) == [] and good.duplicates == 0
    good.receive(("a", 1), "content")
    assert good.broken() == [] and good.duplicates == 1 and good.repeated == {("a", 1)}


@pytest.mark.parametrize("what, wrong", [
    ("1 messages acknowledged, but not received: b #1", account(received=[(("a", 1), "content"), (("a", 2), "content")])),
    ("1 messages received, but never sent: b #1", account(sent={("a", 1): "content", ("a", 2): "content"})),
    ("1 messages received with other readings than sent: a #1", account(received=[
        (("a", 1), "other"), (("a", 2), "content"), (("b", 1), "content")])),
    ("1 messages received after a later one of its device: a #1", account(received=[
        (("a", 2), "content"), (("a", 1), "content"), (("b", 1), "content")])),
])
def test_the_account_finds_what_may_not_be(what, wrong):
    assert wrong.broken() == [what]


def test_the_account_finds_a_record_that_changed_at_its_offset():
    changed = account(sent=dict.fromkeys([("a", 1), ("a", 2), ("b", 1), ("c", 1)], "content"))
    changed.receive(("c", 1), "content", again=True)
    assert changed.broken() == ["1 messages received with other readings than sent: c #1"]


def test_the_account_finds_messages_of_no_class_or_of_two():
    gone = account(received=[(("a", 1), "content")], acknowledged={("a", 1): "broker"})
    assert gone.unclassed({"b": (1, 1)}) == ["1 messages were neither received nor refused, and may not be dropped: a #2"]
    assert gone.unclassed({"a": (0, 1), "b": (0, 0)}) == ["1 messages of b* are gone, but 0 were counted as dropped"]
    assert gone.unclassed({"a": (2, 3), "b": (0, 1)}) == ["1 messages of a* are gone, but 2 to 3 were counted as dropped"]
    both = account(refused={("a", 1): "coap 5.03"})
    assert both.unclassed({"q": (0, 0)}) == ["1 messages were acknowledged and refused: a #1"]
