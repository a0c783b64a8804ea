"""Fixtures: a box for each test file, stubs of its services, brokers, and a place for other users."""

import pathlib
import tempfile

import pytest

import harness
from broker import Broker


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    running = harness.start_box(tmp_path_factory.mktemp("box"))
    yield running
    codes = running.stop()
    assert set(codes.values()) == {0}, f"exit codes {codes}"


@pytest.fixture(scope="module")
def clients(box):  # pylint: disable=redefined-outer-name
    stubs = harness.Clients(box)
    yield stubs
    stubs.close()


@pytest.fixture
def brokers():
    """Makes brokers, and stops them."""
    made = []

    def make(*arguments, **keywords):
        made.append(Broker(*arguments, **keywords))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def home():
    """A directory that other users may enter; those of pytest they may not."""
    with tempfile.TemporaryDirectory(prefix="sluice-home-") as name:
        pathlib.Path(name).chmod(0o755)
        yield pathlib.Path(name)
