"""OPML 2.0 of the feeds we publish, so that a reader subscribes to all of them in one step."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from ketfeed.publish.select import Feed, Group
from ketfeed.publish.wording import plain

FOLDERS: dict[Group, str] = {"topic": "Topics", "named": "Categories", "kind": "Kinds", "source": "Sources"}


def feeds_opml(title: str, base_url: str, feeds: Sequence[Feed], ending: str = "atom") -> bytes:
    """Outlines of type ``rss``, in folders by group; the feed of everything first."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = plain(title)
    etree.SubElement(head, "docs").text = "http://opml.org/spec2.opml"
    body = etree.SubElement(root, "body")
    folders: dict[str, etree._Element] = {}
    for feed in feeds:
        parent = body
        if name := FOLDERS.get(feed.group):
            if name not in folders:
                folders[name] = etree.SubElement(body, "outline", text=name, title=name)
            parent = folders[name]
        etree.SubElement(
            parent,
            "outline",
            type="rss",
            text=plain(feed.title),
            title=plain(feed.title),
            description=plain(feed.description),
            version="ATOM" if ending == "atom" else "RSS2",
            xmlUrl=base_url + feed.path(ending),
            htmlUrl=base_url + feed.page,
        )
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
