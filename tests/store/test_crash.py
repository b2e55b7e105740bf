"""What a kill, a reader beside the writer and two writers do to the store."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.store.making import HOUR, NOW, catalog, entry, save, source, tags, titles, write

from ketfeed.model import FeedQuery
from ketfeed.store.db import Store

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from tests.store.making import HOUR, NOW, catalog, entry, save, source, tags, write
from ketfeed.store.db import Store

store = Store.open(sys.argv[1])
store.sources.sync(catalog(*(source(f"s{n}") for n in range(5))), NOW)
print("ready", flush=True)
for turn in range(10_000):
    save(store, *(
        write([entry(turn * 20 + n, of=f"s{of}") for n in range(20)], [tags("ptsd", "pain")] * 20, of=source(f"s{of}"),
              at=NOW + turn * HOUR, entries_hash=str(turn))
        for of in range(5)
    ))
    print(turn, flush=True)
"""


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
def test_a_killed_writer_leaves_whole_polls_or_none(tmp_path: Path, turns: int) -> None:
    path = tmp_path / "k.db"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, f"sqlite:///{path}"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    with process.stdout as lines:
        said = [next(lines) for _ in range(turns + 1)]
        process.send_signal(signal.SIGKILL)  # somewhere inside the next transaction
        process.wait()
    done = int(said[-1])
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.execute("INSERT INTO entry_fts(entry_fts, rank) VALUES('integrity-check', 1)")
    connection.close()
    with Store.open(f"sqlite:///{path}") as store:
        states = store.sources.states()
        turns_kept = {int(state.entries_hash or -1) for state in states}
        assert len(turns_kept) == 1, "a batch is one transaction"
        [kept] = turns_kept
        assert kept >= done, "what was said to be stored is stored"
        assert [state.entries for state in states] == [20 * (kept + 1)] * 5, "validators only with their entries"
        assert store.entries.count() == 100 * (kept + 1)
        assert {len(store.sources.polls(state.source_id)) for state in states} == {kept + 1}
        [again] = save(
            store, write([entry(0, of="s0")], [tags("ptsd", "pain")], of=source("s0"), at=NOW + 99999 * HOUR)
        )
        assert (again.new, again.unchanged) == (0, 1)


def test_a_reader_sees_whole_batches_while_a_writer_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    writer, reader = Store.open(url), Store.open(url)
    writer.sources.sync(catalog(source(), backfill=1000), NOW)
    wrong: list[str] = []
    finished = threading.Event()

    def read() -> None:
        before = 0
        while not finished.is_set():
            version = reader.version()
            shown = len(reader.entries.select(FeedQuery(topics=("ptsd",), limit=200), max_per_source=None))
            if shown % 10 or version < before:
                wrong.append(f"{shown} entries at version {version} after {before}")
            before = version

    thread = threading.Thread(target=read)
    thread.start()
    for turn in range(15):
        entries = [entry(turn * 10 + number) for number in range(10)]
        save(writer, write(entries, [tags("ptsd")] * 10, at=NOW + turn * HOUR))
    finished.set()
    thread.join()
    assert wrong == []
    assert reader.version() == writer.version()
    assert len(titles(reader, FeedQuery(limit=200), max_per_source=None)) == 150
    writer.close()
    reader.close()


def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    stores = [Store.open(url), Store.open(url)]
    stores[0].sources.sync(catalog(source("a"), source("b"), backfill=1000), NOW)
    failures: list[BaseException] = []

    def work(store: Store, name: str) -> None:
        try:
            for turn in range(10):
                save(store, write([entry(turn, of=name)], of=source(name), at=NOW + turn * HOUR))
        except BaseException as error:  # noqa: BLE001  # shown by the assertion below
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(store, name))
        for store, name in (*zip(stores, "ab", strict=True), *zip(stores, "ba", strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert stores[0].entries.count() == 20
    for store in stores:
        store.close()
