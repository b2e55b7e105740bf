"""Lists for readers: OPML 2.0 that the W3C validator's rules for OPML accept."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree
from tests.publish.world import BASE, SOURCES, catalog

from ketfeed.model import FeedQuery, NamedFeed, Source
from ketfeed.publish.opml import feeds_opml, sources_opml
from ketfeed.publish.select import listed

KNOWN = {"type", "text", "title", "description", "xmlUrl", "htmlUrl", "url"}


def outlines(body: bytes) -> list[etree._Element]:
    root = etree.fromstring(body)
    assert root.get("version") == "2.0"
    assert root.findtext("head/title")
    found = list(root.iter("outline"))
    for one in found:
        assert set(one.attrib) <= KNOWN
        assert one.get("text")
        if one.get("type") == "rss":
            assert one.get("xmlUrl")
            assert one.get("htmlUrl")
            assert one.get("title")
        elif one.get("type") == "link":
            assert one.get("url")
        else:
            assert len(one), "a folder has something in it"
    return found


def test_every_feed_stands_once_in_a_folder_of_its_kind() -> None:
    made = replace(catalog(), feeds=(NamedFeed(slug="in-the-news", title="A & <B>", query=FeedQuery()),))
    feeds = listed(made)
    found = [one.get("xmlUrl") for one in outlines(feeds_opml("A & B", BASE, feeds)) if one.get("type") == "rss"]
    assert found == [BASE + feed.path("atom") for feed in feeds]


def test_sources_are_listed_without_what_is_not_public() -> None:
    secret = Source(id="s", url="https://s.example/feed", headers=(("X-Key", "hunter2"),), group="Journals")
    body = sources_opml("Sources", (*SOURCES, secret))
    found = outlines(body)
    assert b"hunter2" not in body
    assert [one.get("xmlUrl") for one in found if one.get("type") == "rss"] == [
        "https://alpha.example/feed", "https://beta.example/rss", "https://s.example/feed",
    ]  # fmt: skip
    assert [one.get("url") for one in found if one.get("type") == "link"] == ["https://gamma.example/page"]
    assert found[-1].get("htmlUrl") == "https://s.example/"
