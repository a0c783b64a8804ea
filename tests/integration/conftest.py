"""Fixtures: a box for each test file, and stubs of its services."""

import pytest

import harness


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
