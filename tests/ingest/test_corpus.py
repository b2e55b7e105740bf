"""What must hold for every document of the corpus, whatever is in it."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.ingest.fuzz import check_feed

from ketfeed.errors import PollError
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document
from ketfeed.model import NormalisedFeed, Source

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OTHER_KINDS = ("html", "opml")


def _rows() -> list[dict[str, str]]:
    manifest = CORPUS / "MANIFEST.csv"
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = _rows()
if not ROWS:
    pytest.skip("the corpus (../shared/corpus) is not here", allow_module_level=True)


def _read(row: dict[str, str], url: str = "https://example.org/feed") -> NormalisedFeed | PollError:
    body = (CORPUS / row["path"]).read_bytes()
    try:
        return read_document(Document(body, None, url), Source(id="s", url=url), NOW, Limits())
    except PollError as error:
        return error


@pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
def test_a_document_is_read_soon_and_the_same_twice_with_safe_entries_or_refused_as_no_feed(
    row: dict[str, str],
) -> None:
    start = time.perf_counter()
    feed = _read(row)
    assert time.perf_counter() - start < 5, "reading took longer than 5 s"
    if isinstance(feed, PollError):
        assert feed.outcome in {"not_a_feed", "forbidden_xml", "parse_error"}
        return
    assert row["class"] not in OTHER_KINDS, "neither a page nor an OPML list is a feed"
    check_feed(feed)  # links absolute, ids once, sanitised HTML a fixed point
    again, moved = _read(row), _read(row, "http://moved.example/other?query=1")
    assert again == feed
    assert isinstance(moved, NormalisedFeed)
    assert [entry.raw_id for entry in moved.entries] == [entry.raw_id for entry in feed.entries]


def test_every_feed_of_the_corpus_is_read() -> None:
    refused = {
        row["path"]: str(result)
        for row in ROWS
        if row["class"] not in (*OTHER_KINDS, "other", "xml-other") and isinstance(result := _read(row), PollError)
    }
    assert refused == {}
