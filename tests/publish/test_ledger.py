"""The last good bytes and their date, over restarts and on disks that fail."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.publish.world import NOW

from ketfeed.publish.ledger import Kept, Ledger

LATER = NOW + timedelta(hours=1)


def test_equal_bytes_keep_their_date_and_others_get_a_later_one(tmp_path: Path) -> None:
    book = Ledger(tmp_path)
    assert book.publish("k", b"one", NOW) == Kept(b"one", NOW)
    assert book.publish("k", b"one", LATER) == Kept(b"one", NOW)
    assert book.publish("k", b"two", NOW) == Kept(b"two", NOW + timedelta(seconds=1))
    assert book.publish("k", b"one", LATER) == Kept(b"one", LATER)
    assert book.publish("other", b"one", NOW) == Kept(b"one", NOW)


def test_a_restart_remembers_bytes_and_date(tmp_path: Path) -> None:
    Ledger(tmp_path).publish("k", b"one\ntwo", NOW)
    assert Ledger(tmp_path).get("k") == Kept(b"one\ntwo", NOW)
    assert Ledger(tmp_path).publish("k", b"one\ntwo", LATER) == Kept(b"one\ntwo", NOW)
    assert Ledger(tmp_path).get("unknown") is None


def test_of_a_query_only_the_date_is_kept(tmp_path: Path) -> None:
    Ledger(tmp_path).publish("q", b"x" * 100_000, NOW, keep=False)
    assert Ledger(tmp_path).get("q") is None
    assert Ledger(tmp_path).publish("q", b"x" * 100_000, LATER, keep=False).last_modified == NOW
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000


@pytest.mark.parametrize("damage", [b"", b"{", b'{"format": 1}\nx', b"null\n", b"\xff\xfe\n"])
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path: Path, damage: bytes) -> None:
    Ledger(tmp_path).publish("k", b"one", NOW)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert Ledger(tmp_path).get("k") is None
    assert Ledger(tmp_path).publish("k", b"one", LATER) == Kept(b"one", LATER)


def test_half_a_body_is_not_served(tmp_path: Path) -> None:
    Ledger(tmp_path).publish("k", b"a whole feed", NOW)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert Ledger(tmp_path).get("k") is None


@pytest.mark.parametrize("folder", [None, "file"])
def test_without_a_folder_it_remembers_as_long_as_it_runs(tmp_path: Path, folder: str | None) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    book = Ledger(tmp_path / folder if folder else None)
    book.publish("k", b"one", NOW)
    assert book.get("k") == Kept(b"one", NOW)
    assert book.publish("k", b"one", LATER).last_modified == NOW


def test_a_folder_never_holds_more_than_its_share(tmp_path: Path) -> None:
    book = Ledger(tmp_path, most=10)
    for number in range(40):
        book.publish(f"k{number}", b"body", NOW)
    assert len(list(tmp_path.iterdir())) <= 10
    assert book.get("k39") is not None
