from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.making import NOW, catalog, source
from tests.store.postgresql import server

from ketfeed.store.db import Store
from ketfeed.store.schema import METADATA


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Store]:
    """A store on a PostgreSQL server of our own."""
    with server() as url, Store.open(url) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store without sources, on both databases."""
    if request.param == "sqlite":
        with Store.open(f"sqlite:///{tmp_path / 'ketfeed.db'}") as store:
            yield store
        return
    store = request.getfixturevalue("postgresql")
    with store._database.write() as connection:
        names = ", ".join(f'"{table.name}"' for table in METADATA.sorted_tables)
        connection.exec_driver_sql(f"TRUNCATE {names}")
    yield store


@pytest.fixture
def store(empty: Store) -> Store:
    """A store with three sources: ``news`` and ``paper`` publish everything, ``wide`` only what is relevant."""
    empty.sources.sync(
        catalog(source("news"), source("paper", kind="journal"), source("wide", relevance="filter")), NOW
    )
    return empty


@pytest.fixture
def sqlite_only(empty: Store) -> None:
    """For rules about SQLite itself."""
    if not empty._database.sqlite:
        pytest.skip("a rule about SQLite")
