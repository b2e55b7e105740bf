from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.making import NOW, catalog, source

from ketfeed.store.db import Store


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    """A store without sources."""
    with Store.open(f"sqlite:///{tmp_path / 'ketfeed.db'}") as store:
        yield store


@pytest.fixture
def store(empty: Store) -> Store:
    """A store with three sources: ``news`` and ``paper`` publish everything, ``wide`` only what is relevant."""
    empty.sources.sync(
        catalog(source("news"), source("paper", kind="journal"), source("wide", relevance="filter")), NOW
    )
    return empty
