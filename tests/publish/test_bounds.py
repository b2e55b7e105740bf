"""A feed stays within what readers take, whatever stands beside its texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ketfeed.publish.document import Attachment, Item, Label, Name, Origin, TopicLabel
from ketfeed.publish.feeds import CONTENT_OF_ITEM, EXTRAS_OF_FEED, within_bounds

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TOPIC = Label("ptsd", "PTSD", "https://feeds.example/topics/")
PLAIN = Item(
    id="urn:uuid:1",
    title="T",
    url="https://a.example/",
    page="https://feeds.example/entries/1/",
    published=NOW,
    updated=NOW,
    authors=(Name("Ada", "https://a.example/ada"),),
    summary="S",
    content="<p>S</p>",
    short="<p>short</p>",
    topics=(TopicLabel("ptsd", "PTSD", "https://feeds.example/topics/ptsd/", ("ptsd",)),),
    categories=(TOPIC, Label("x", "X")),
    attachments=(Attachment("https://a.example/a.mp3", "audio/mpeg", 1),),
    origin=Origin("a", "A", None, "https://a.example/feed", "https://a.example/feed"),
)
LADEN = replace(
    PLAIN,
    authors=tuple(Name(f"Author {n}", f"https://a.example/{n}/{'u' * 4000}") for n in range(100)),
    categories=(TOPIC, *(Label("c" * 200, "c" * 200, f"https://a.example/{n}/{'s' * 4000}") for n in range(50))),
    attachments=tuple(Attachment(f"https://a.example/{n}/{'e' * 4000}", "audio/mpeg", 1) for n in range(50)),
)


def test_ordinary_items_are_left_as_they_are() -> None:
    assert within_bounds([PLAIN] * 200) == [PLAIN] * 200


def test_fifty_laden_items_keep_a_feed_under_two_million_bytes() -> None:
    kept = within_bounds([replace(LADEN, content="x" * (CONTENT_OF_ITEM - 1))] * 50)
    assert sum(len(repr(one).encode()) for one in kept) < 2_000_000
    assert all(TOPIC in one.categories and one.authors and one.attachments for one in kept)


def test_a_laden_item_costs_the_ones_after_it_nothing() -> None:
    first, *others = within_bounds([LADEN, *[PLAIN] * 49])
    assert len(repr(first)) < EXTRAS_OF_FEED
    assert others == [PLAIN] * 49
