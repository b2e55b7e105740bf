"""For every test: the network is a loopback interface and nothing else, wherever the system permits it."""

from __future__ import annotations

import hypothesis
import pytest
from tests.isolation import is_isolated, isolate

REASON = isolate()

hypothesis.settings.register_profile("ketfeed", deadline=None, database=None)  # two busy cores; leave no folder behind
hypothesis.settings.load_profile("ketfeed")


@pytest.fixture(scope="session")
def only_loopback() -> None:
    """Refuse to run a test where a packet could leave the machine."""
    if not is_isolated():
        pytest.skip(f"refused: {REASON}")
