"""Readers that people use subscribe to a running site, twice: the second visit costs nothing and brings nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.publish.world import NOW, SOURCES, about, entry, open_store, poll
from tests.web.server import Site, serving

from ketfeed.store.db import Store

ALPHA, BETA, _ = SOURCES
FEEDS = ("/feeds/ptsd.atom", "/feeds/ptsd.rss")
Seen = list[tuple[str, int]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    poll(made, ALPHA, [(entry(f"{n}", title=f"R&D {n}"), about("ptsd")) for n in range(7)])
    yield made
    made.close()


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
def site(store: Store, tmp_path: Path, seen: Seen) -> Iterator[Site]:
    with serving(store, tmp_path, seen=seen) as running:
        yield running


def edit_and_add(store: Store) -> None:
    """One entry gets another title, one is new."""
    told = [(entry("3", title="R&D 3, corrected"), about("ptsd")), (entry("new"), about("ptsd"))]
    poll(store, ALPHA, told, NOW + timedelta(minutes=5))


def statuses(seen: Seen, path: str) -> list[int]:
    return [status for one, status in seen if one == path]


def wait_for_change(site: Site, path: str) -> None:
    """The site notices an edit within a second; until then it may serve what it had."""
    end = time.monotonic() + 10
    while "corrected" not in site.get(path).text:
        assert time.monotonic() < end, "the change was not noticed"


def run(command: list[str], home: Path) -> None:
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- newsboat


@pytest.mark.parametrize("path", FEEDS)
def test_newsboat_gets_304_and_no_new_item_and_an_edited_entry_does_not_appear_twice(
    site: Site, store: Store, seen: Seen, tmp_path: Path, path: str
) -> None:
    newsboat = shutil.which("newsboat")
    if newsboat is None:
        pytest.skip("newsboat is missing: make test installs it")
    home = tmp_path / "newsboat"
    home.mkdir()
    (home / "urls").write_text(f"{site.url}{path}\n")
    (home / "config").write_text("max-items 0\n")
    files = ["-C", str(home / "config"), "-u", str(home / "urls"), "-c", str(home / "cache.db")]

    def items() -> dict[str, str]:
        with closing(sqlite3.connect(home / "cache.db")) as cache:
            rows = cache.execute("select guid, title from rss_item").fetchall()
        assert len(dict(rows)) == len(rows), "no id stands twice"
        return dict(rows)

    run([newsboat, *files, "-x", "reload"], home)
    first = items()
    assert sorted(first.values()) == [f"R&D {n}" for n in range(7)]
    for _ in range(2):  # newsboat forgets the validators of its very first visit: there is no row to keep them in
        run([newsboat, *files, "-x", "reload"], home)
        assert items() == first
    assert statuses(seen, path) == [200, 200, 304]
    edit_and_add(store)
    wait_for_change(site, path)
    run([newsboat, *files, "-x", "reload"], home)
    assert items().keys() == {*first, f"urn:uuid:{entry('new').id}"}
    assert items()[f"urn:uuid:{entry('3').id}"] == "R&D 3, corrected"


# ---------------------------------------------------------------- sfeed

# sfeed keeps an item for each id, title and link; by the id alone is one line of its manual.
SFEEDRC = """
sfeedpath="{home}/feeds"
fetch() {{
    curl -f -s -m 15 --etag-save "{home}/$1.etag" --etag-compare "{home}/$1.etag" "$2"
}}
merge() {{
    sort -t "$(printf '\\t')" -u -k6,6 "$3" "$2" 2>/dev/null
}}
feeds() {{
    feed "atom" "{url}/feeds/ptsd.atom"
    feed "rss" "{url}/feeds/ptsd.rss"
}}
"""


def test_sfeed_gets_304_and_no_new_item_and_an_edited_entry_does_not_appear_twice(
    site: Site, store: Store, seen: Seen, tmp_path: Path
) -> None:
    update = shutil.which("sfeed_update")
    if update is None or shutil.which("curl") is None:
        pytest.skip("sfeed or curl is missing: make test installs them")
    home = tmp_path / "sfeed"
    (home / "feeds").mkdir(parents=True)
    (home / "sfeedrc").write_text(SFEEDRC.format(home=home, url=site.url))

    def items(name: str) -> dict[str, str]:
        """Id → title; one line per item: time, title, link, content, type, id, author, enclosure, categories."""
        rows = [line.split("\t") for line in (home / "feeds" / name).read_text().splitlines()]
        found = {row[5]: row[1] for row in rows}
        assert len(found) == len(rows), "no id stands twice"
        return found

    run([update, str(home / "sfeedrc")], home)
    first = {name: items(name) for name in ("atom", "rss")}
    assert len(first["atom"]) == 7
    assert first["atom"] == first["rss"]
    run([update, str(home / "sfeedrc")], home)
    assert {name: items(name) for name in ("atom", "rss")} == first
    for path in FEEDS:
        assert statuses(seen, path) == [200, 304]
    edit_and_add(store)
    for path in FEEDS:
        wait_for_change(site, path)
    run([update, str(home / "sfeedrc")], home)
    for name in ("atom", "rss"):
        after = items(name)
        assert after.keys() == {*first[name], f"urn:uuid:{entry('new').id}"}
        assert after[f"urn:uuid:{entry('3').id}"] == "R&D 3, corrected"
