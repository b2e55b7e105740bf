"""Every entry of the corpus's real feeds is published validly, and reads the same in all three formats."""

from __future__ import annotations

from functools import cache
from itertools import cycle
from pathlib import Path

import pytest
from tests.publish.judge import complaints_about
from tests.publish.test_readers import assert_equal_fields, read_with_node, with_fastfeedparser, with_feedparser
from tests.publish.world import FACTS, NOW, SOURCES, about, rendered, stored

from ketfeed.errors import PollError
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.normalise import Document, read_document
from ketfeed.publish.document import FORMATS, Format
from ketfeed.store.records import StoredEntry

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
AT_MOST = 60  # entries of one document

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not here")


@cache
def documents(part: str) -> dict[str, dict[Format, bytes]]:
    """File → its entries as a feed in each format; the ways of publishing take turns."""
    made: dict[str, dict[Format, bytes]] = {}
    facts = cycle([FACTS["alpha"], FACTS["alpha"], FACTS["beta"], FACTS["gamma"]])
    for path in sorted((CORPUS / part).rglob("*")):
        if not path.is_file():
            continue
        told = entries_of(path)
        if told is not None:
            source = next(facts)
            told = [stored(one.entry, one.tagging, source=source, sort_at=one.sort_at) for one in told]
            made[path.name] = {form: rendered(told, form) for form in FORMATS}
    return made


def entries_of(path: Path) -> list[StoredEntry] | None:
    """What ingest makes of a file; None where it is no feed."""
    document = Document(path.read_bytes(), None, "https://alpha.example/feed")
    try:
        feed = read_document(document, SOURCES[0], NOW, Limits())
    except PollError:
        return None
    return [stored(one, about("ptsd")) for one in feed.entries[:AT_MOST]]


@pytest.mark.parametrize(("part", "least"), [("real", 130), ("made", 250)])
def test_every_document_is_valid(part: str, least: int) -> None:
    made = documents(part)
    assert len(made) >= least
    found = {
        f"{name}.{form}": complaints
        for name, bodies in made.items()
        for form, body in bodies.items()
        if (complaints := complaints_about(body, form))
    }
    assert found == {}


def test_feedparser_and_fastfeedparser_read_the_same_in_every_format() -> None:
    for name, bodies in documents("real").items():
        try:
            assert_equal_fields({"rss": with_feedparser(bodies["rss"]), "atom": with_feedparser(bodies["atom"])})
            if b"<entry" in bodies["atom"]:  # it refuses a feed without entries
                assert_equal_fields({form: with_fastfeedparser(body) for form, body in bodies.items()})
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_npm_readers_read_the_same_in_every_format() -> None:
    filled = {name: bodies for name, bodies in documents("real").items() if b"<entry" in bodies["atom"]}
    for name, by_reader in zip(filled, read_with_node(list(filled.values())), strict=True):
        for reader, by_form in by_reader.items():
            try:
                assert_equal_fields(by_form)
            except AssertionError as error:
                raise AssertionError(f"{name} with {reader}: {error}") from error
