"""The site as files: whole at every moment, only what changed, every link on a host of files."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
from tests.publish.judge import complaints_about
from tests.publish.world import BASE, NOW, SOURCES, about, catalog, entry, open_store, poll

from ketfeed.publish.export import Exported, ExportFailed, export
from ketfeed.publish.feeds import Publisher
from ketfeed.store.db import Store
from ketfeed.web.files import Files

ALPHA, BETA, GAMMA = SOURCES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    for source in SOURCES:
        poll(made, source, [(entry(f"{n}", source.id), about("ptsd" if n % 2 else "pain")) for n in range(4)])
    yield made
    made.close()


def write(store: Store, folder: Path, base_url: str = BASE) -> Exported:
    files = Files(Publisher(store, catalog(), base_url), NOW)
    return export(files.read, folder, base_url, files.start(), lambda: None)


def addresses(path: Path, text: str, base_url: str) -> set[str]:
    """Every address of our own in a file, as a path below the site."""
    prefix = urlsplit(base_url).path
    found = set()
    if path.suffix == ".html":
        for one in re.findall(r'(?:href|src)="([^"]+)"', text):
            if one.startswith("/"):
                assert one.startswith(prefix + "/"), one
                found.add(one.removeprefix(prefix))
            else:
                assert not one.startswith((".", "?", "#")) or one == "#main", one
    found |= set(re.findall(re.escape(base_url) + r"(/[^\s\"'<>&\\\\]*)", text))
    return found


@pytest.mark.parametrize("base_url", [BASE, "https://host.example/sub/site"])
def test_every_link_resolves_to_a_file_or_an_index(store: Store, tmp_path: Path, base_url: str) -> None:
    folder = tmp_path / "public"
    write(store, folder, base_url)
    checked = 0
    for path in folder.rglob("*"):
        if path.suffix not in (".html", ".rss", ".atom", ".json", "") or not path.is_file() or path.name[0] == ".":
            continue
        for address in addresses(path, path.read_text(), base_url):
            assert "?" not in address, f"{path}: a host of files answers no query"
            target = folder / address.lstrip("/")
            assert (target / "index.html").is_file() if address.endswith("/") else target.is_file(), (path, address)
            checked += 1
    assert checked > 500


def test_feeds_are_those_of_the_live_site(store: Store, tmp_path: Path) -> None:
    write(store, tmp_path / "public")
    for path in (tmp_path / "public" / "feeds").rglob("*.*"):
        if path.suffix in (".rss", ".atom", ".json"):
            assert complaints_about(path.read_bytes(), path.suffix[1:]) == [], path


def test_twins_hold_the_same(store: Store, tmp_path: Path) -> None:
    write(store, tmp_path / "public")
    feed = tmp_path / "public" / "feeds" / "ptsd.atom"
    assert gzip.decompress(feed.with_name("ptsd.atom.gz").read_bytes()) == feed.read_bytes()
    assert brotli.decompress(feed.with_name("ptsd.atom.br").read_bytes()) == feed.read_bytes()


def test_only_what_changed_is_written(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    first = write(store, folder)
    assert first.unchanged == first.removed == 0
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name[0] != "."}
    assert write(store, folder) == Exported(0, first.written, 0)
    poll(store, ALPHA, [(entry("new"), about("ptsd"))], NOW + timedelta(minutes=1))
    assert 0 < write(store, folder).written < first.written / 2
    changed = {path.relative_to(folder).as_posix() for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert "feeds/ptsd.atom" in changed
    assert "feeds/ptsd.atom.gz" in changed
    assert "feeds/pain.atom" not in changed
    assert "topics/pain/index.html" not in changed


def test_what_is_gone_is_removed_and_files_of_others_stay(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    write(store, folder)
    (folder / "CNAME").write_text("feeds.example.org")
    files = Files(Publisher(store, catalog(), BASE), NOW)

    def without_pain(path: str) -> bytes | None:
        return None if "/pain" in path else files.read(path)

    done = export(without_pain, folder, BASE, files.start(), lambda: None)
    assert done.removed > 0
    assert not (folder / "topics" / "pain").exists()
    assert not (folder / "feeds" / "pain.atom.gz").exists()
    assert (folder / "CNAME").is_file()


def test_a_reader_never_sees_half_a_file(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    write(store, folder)
    feed, stop, seen = folder / "feeds" / "all.rss", threading.Event(), []

    def read_all_the_time() -> None:
        while not stop.is_set():
            seen.append(complaints_about(feed.read_bytes(), "rss"))

    reader = threading.Thread(target=read_all_the_time)
    reader.start()
    for n in range(5):
        poll(store, BETA, [(entry(f"more {n}", "beta"), about("ptsd"))], NOW + timedelta(minutes=n))
        files = Files(Publisher(store, catalog(), BASE), NOW)
        export(lambda path, files=files: files.read(path) if "all." in path else None,  # type: ignore[misc]
               folder, BASE, files.start(), lambda: None)  # fmt: skip
    stop.set()
    reader.join()
    assert seen
    assert all(found == [] for found in seen)


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportFailed, match="file"):
        write(store, tmp_path / "file" / "public")


def test_an_address_outside_the_site_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed, match="not a file of the site"):
        export(lambda _: b"x", tmp_path / "public", BASE, ["/../../etc/passwd"], lambda: None)


def test_two_exports_never_write_into_one_folder_together(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    files = Files(Publisher(store, catalog(), BASE), NOW)

    def second(path: str) -> bytes | None:
        with pytest.raises(ExportFailed, match="another export"):
            export(files.read, folder, BASE, [], lambda: None)
        return files.read(path)

    assert export(second, folder, BASE, ["/robots.txt"], lambda: None).written == 1


def test_an_export_that_was_ended_leaves_the_site_as_it_was(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    write(store, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    poll(store, ALPHA, [(entry("new"), about("ptsd"))], NOW + timedelta(minutes=1))
    files = Files(Publisher(store, catalog(), BASE), NOW)
    read: list[str] = []

    def ended(path: str) -> bytes | None:
        read.append(path)
        if len(read) > 40:
            raise KeyboardInterrupt
        return files.read(path)

    with pytest.raises(KeyboardInterrupt):
        export(ended, folder, BASE, files.start(), lambda: None)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
