from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.store.making import HOUR, NOW, catalog, entry, save, source, titles, write

from ketfeed.errors import StoreError
from ketfeed.store.db import Store
from ketfeed.store.engine import Database
from ketfeed.store.schema import METADATA
from ketfeed.store.times import from_us, to_us
from ketfeed.store.upgrade import HEAD, MIGRATIONS


def test_times_come_back_to_the_microsecond() -> None:
    moment = NOW.replace(microsecond=123_457)
    assert from_us(to_us(moment)) == moment
    assert to_us(NOW.replace(year=1901)) < 0


def test_migrations_lead_to_the_schema_of_the_code(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'k.db'}") as store, store._database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: "entry_fts" not in str(name)}
        )
        assert compare_metadata(context, METADATA) == []
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_the_index_of_a_database_of_before_is_put_together_like_that_of_a_new_one(tmp_path: Path) -> None:
    def settings(path: Path) -> dict[str, int]:
        connection = sqlite3.connect(path)
        found = dict(connection.execute("SELECT k, v FROM entry_fts_config").fetchall())
        connection.close()
        return found

    new, old = tmp_path / "new.db", tmp_path / "old.db"
    Store.open(f"sqlite:///{new}").close()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    database = Database(f"sqlite:///{old}")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    database.close()
    assert "automerge" not in settings(old)
    Store.open(f"sqlite:///{old}").close()
    assert settings(old) == settings(new)
    assert (settings(new)["automerge"], settings(new)["crisismerge"]) == (0, 400)


def test_opening_again_keeps_everything(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'er' / 'k.db'}"
    with Store.open(url) as store:
        store.sources.sync(catalog(source()), NOW)
        save(store, write([entry(1)]))
        version = store.version()
    with Store.open(url) as store:
        assert titles(store) == ["Title 1 of news"]
        assert store.version() == version


@pytest.mark.usefixtures("sqlite_only")
def test_sqlite_is_durable_and_lets_readers_through(store: Store) -> None:
    with store._database.read() as connection:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("busy_timeout", 15000),
            ("page_size", 8192),
            ("secure_delete", 2),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_a_newer_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    Store.open(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="newer ketfeed"):
        Store.open(f"sqlite:///{path}")


def test_without_migrating_an_empty_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ketfeed serve"):
        Store.open(f"sqlite:///{tmp_path / 'k.db'}", migrate=False)


def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    path.write_bytes(b"this is a picture of a cat" * 100)
    with pytest.raises(StoreError, match="restore a backup"):
        Store.open(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("sqlite://", "in a file"), ("data/ketfeed.db", "not a database address"), ("oracle://x/y", "has no driver")],
)
def test_an_address_that_cannot_work_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        Store.open(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused_with_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(f"sqlite:///{folder / 'k.db'}")


@pytest.mark.usefixtures("sqlite_only")
def test_a_database_locked_by_another_program_says_so(store: Store) -> None:
    other = Database(str(store._database.url))
    with store._database.write(), other.read() as second:
        second.exec_driver_sql("PRAGMA busy_timeout = 10")
        second.exec_driver_sql("COMMIT")
        with pytest.raises(StoreError, match="locked by another program"), other.translated():
            second.exec_driver_sql("BEGIN IMMEDIATE")
    other.close()


def test_a_second_service_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    first, second = Store.open(url), Store.open(url)
    held = first.lock("service")
    with pytest.raises(StoreError, match=rf"Another service \(process {os.getpid()}\) already works on"):
        second.lock("service")
    second.lock("web")
    assert "Another service" in (second.lock_holder("service") or "")
    held.release()
    held.release()
    assert second.lock_holder("service") is None
    second.lock("service")
    first.close()
    second.close()


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    program = (
        "import os, sys, signal\nfrom ketfeed.store.db import Store\n"
        "s = Store.open(sys.argv[1]); s.lock('service'); print('held', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=False)
    assert done.stdout == "held\n"
    assert done.returncode == -9
    with Store.open(url) as store:
        store.lock("service")


@pytest.mark.usefixtures("sqlite_only")
def test_a_backup_is_a_whole_store(store: Store, tmp_path: Path) -> None:
    save(store, write([entry(1)]))
    copy = tmp_path / "backups" / "copy.db"
    store.backup(copy)
    save(store, write([entry(2)], at=NOW + HOUR))
    store.backup(copy)
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
    with Store.open(f"sqlite:///{copy}") as other:
        assert titles(other) == titles(store) == ["Title 1 of news", "Title 2 of news"]
        assert len(other.search("title")) == 2
    with pytest.raises(StoreError, match="cannot be written"):
        store.backup(tmp_path / "backups" / "copy.db" / "below.db")


def test_services_on_postgresql_are_one_per_role(postgresql: Store) -> None:
    with Store.open(str(postgresql._database.url)) as other:
        held = postgresql.lock("poller")
        with pytest.raises(StoreError, match="Another poller"):
            other.lock("poller")
        other.lock("web")
        held.release()
        other.lock("poller")


def test_a_server_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="The database refused"):
        Store.open(f"postgresql+psycopg://ketfeed@/ketfeed?host={tmp_path}")
