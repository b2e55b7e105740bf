"""What readers that other people wrote understand is the same in all three formats."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastfeedparser
import feedparser
import pytest
from tests.publish.judge import complaints_about
from tests.publish.world import NOW, entry, rendered, stored

from ketfeed.model import Category, Enclosure, Image, Person
from ketfeed.publish.document import FORMATS, Format
from ketfeed.store.records import StoredEntry

READERS = Path(__file__).parents[1] / "readers"
Told = dict[str, Any]  # field → what a reader understood

ENTRIES = [
    stored(
        entry(
            "rich",
            title="R&D < 5: “Ketamine” & co",
            authors=(Person("Ann & Bob", "https://ann.example/"), Person("Zoë"), Person("李明")),
            categories=(Category("Mental health"), Category("a<b")),
            enclosures=(Enclosure("https://x.example/a.mp3", "audio/mpeg", 12),),
            image=Image("https://x.example/i.png"),
            language="en-US",
            comments_link="https://x.example/c",
            excerpt="AT&T < 5 & “quoted” text.",
            content="<p>One &amp; two<br>three</p><blockquote><p>four</p></blockquote>",
        )
    ),
    stored(entry("right-to-left", "beta", title="קטמין לטיפול בדיכאון", language="he")),
    stored(entry("bare", "gamma", title="", authors=(), excerpt="", text="", published=None, link=None)),
]


def in_three_formats(told: Sequence[StoredEntry]) -> dict[Format, bytes]:
    bodies = {form: rendered(told, form) for form in FORMATS}
    for form, body in bodies.items():
        assert complaints_about(body, form) == []
    return bodies


def assert_equal_fields(by_form: dict[Format, list[Told]], without: Sequence[str] = ()) -> None:
    """Every field a reader knows in two formats is the same in both; titles and summaries as plain text."""
    first, *others = by_form
    for other in others:
        assert len(by_form[other]) == len(by_form[first])
        for one, two in zip(by_form[first], by_form[other], strict=True):
            for field in one.keys() & two.keys() - set(without):
                if one[field] is None or two[field] is None:
                    assert field in ("enclosure", "image", "source"), f"{field} lost between {first} and {other}"
                    assert one[field] == two[field] or field == "source"
                    continue
                assert _plain(field, one[field]) == _plain(field, two[field]), f"{field} of {first} and {other}"


def _plain(field: str, value: object) -> object:
    return html.unescape(value) if field in ("title", "summary") and isinstance(value, str) else value


# ---------------------------------------------------------------- npm: feedsmith, rss-parser, feed-parser


def read_with_node(documents: Sequence[dict[Format, bytes]]) -> list[dict[str, dict[Format, list[Told]]]]:
    """For each document: reader → format → items."""
    node = shutil.which("node")
    if node is None or not (READERS / "node_modules").is_dir():
        pytest.skip("node or tests/readers/node_modules is missing: make test installs them")
    flat = [(number, form, body) for number, bodies in enumerate(documents) for form, body in bodies.items()]
    given = json.dumps([{"form": form, "body": body.decode()} for _, form, body in flat])
    done = subprocess.run([node, "read.mjs"], cwd=READERS, input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, dict[Format, list[Told]]]] = [{} for _ in documents]
    for (number, form, _), read in zip(flat, json.loads(done.stdout), strict=True):
        for reader, items in read.items():
            if items is not None:
                found[number].setdefault(reader, {})[form] = items
    return found


def test_npm_readers_understand_the_same_in_all_formats() -> None:
    (by_reader,) = read_with_node([in_three_formats(ENTRIES)])
    assert len(by_reader) == 3
    for reader, by_form in by_reader.items():
        assert len(by_form) >= 2, reader
        assert_equal_fields(by_form)


def test_npm_readers_understand_what_was_meant() -> None:
    (by_reader,) = read_with_node([in_three_formats(ENTRIES[:1])])
    rich = by_reader["feedsmith"]["rss"][0]
    assert rich["title"] == "R&D < 5: “Ketamine” & co"
    assert rich["authors"] == ["Ann & Bob", "Zoë", "李明"]
    assert rich["categories"] == ["PTSD", "Mental health", "a<b"]
    assert rich["enclosure"] == ["https://x.example/a.mp3", "audio/mpeg", 12]
    assert rich["image"] == "https://x.example/i.png"
    assert rich["source"] == "Alpha News"
    assert rich["content"].startswith("<p>One &amp; two<br>three</p><blockquote><p>four</p></blockquote><hr>")


# ---------------------------------------------------------------- feedparser and fastfeedparser


def with_feedparser(body: bytes) -> list[Told]:
    read = feedparser.parse(body)
    assert not read.bozo, read.get("bozo_exception")
    return [
        {
            "id": one.id,
            "title": one.title,
            "link": one.link,
            "published": tuple(one.published_parsed),
            "updated": tuple(one.updated_parsed),
            "authors": [author.name for author in one.authors],
            "summary": one.summary,
            "content": one.content[-1].value,
            "categories": [tag.label or tag.term for tag in one.get("tags", [])],
            "enclosure": next(
                ((link.href, link.type, link.length) for link in one.links if link.rel == "enclosure"), None
            ),
            "image": one.media_thumbnail[0]["url"] if "media_thumbnail" in one else None,
            "source": one.source.title,
            "comments": one.get("comments") or next((link.href for link in one.links if link.rel == "replies"), ""),
        }
        for one in read.entries
    ]


def test_feedparser_understands_the_same_in_rss_and_atom() -> None:
    bodies = in_three_formats(ENTRIES)
    assert_equal_fields({"rss": with_feedparser(bodies["rss"]), "atom": with_feedparser(bodies["atom"])})


def with_fastfeedparser(body: bytes) -> list[Told]:
    return [
        {
            "id": one["id"],
            "title": one["title"],
            "link": one["link"],
            "published": datetime.fromisoformat(one["published"]).astimezone(UTC),
            "updated": datetime.fromisoformat(one["updated"]).astimezone(UTC),
            "author": one["author"],
            "summary": one["description"],
            "content": one["content"][0]["value"],
            "categories": [tag["label"] or tag["term"] for tag in one.get("tags", [])],
        }
        for one in fastfeedparser.parse(body).entries
    ]


def test_fastfeedparser_understands_the_same_in_all_formats() -> None:
    assert_equal_fields({form: with_fastfeedparser(body) for form, body in in_three_formats(ENTRIES).items()})


def test_an_entry_without_author_carries_its_sources_title_and_one_without_date_its_first_sight() -> None:
    bare = with_feedparser(rendered(ENTRIES[2:], "atom"))[0]
    assert bare["authors"] == ["Gamma"]
    assert bare["published"] == tuple(NOW.utctimetuple())
    assert bare["title"] == "Untitled entry of Gamma"
