"""OPML 2.0 of the feeds we publish and of the sources we follow, so that a reader subscribes to all in one step.

What editors wrote about a source beside its address (headers, credentials' names) is not public and not here;
``catalog.opml`` writes the full list for editors.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from lxml import etree

from ketfeed.model import Source
from ketfeed.publish.select import Feed, Group
from ketfeed.publish.wording import plain, web_address

FOLDERS: dict[Group, str] = {"topic": "Topics", "named": "Categories", "kind": "Kinds", "source": "Sources"}


def feeds_opml(title: str, base_url: str, feeds: Sequence[Feed]) -> bytes:
    """Our Atom feeds as outlines of type ``rss``, in folders by group; the feed of everything first."""
    root, body = _document(f"{plain(title)}: feeds")
    folders: dict[str, etree._Element] = {}
    for feed in feeds:
        parent = body
        if name := FOLDERS.get(feed.group):
            parent = _folder(body, folders, name)
        outline = etree.SubElement(parent, "outline", type="rss", text=plain(feed.title), title=plain(feed.title))
        outline.set("description", plain(feed.description))
        outline.set("xmlUrl", base_url + feed.path("atom"))
        outline.set("htmlUrl", base_url + feed.page)
    return _bytes(root)


def sources_opml(title: str, sources: Sequence[Source]) -> bytes:
    """The sources' own feeds as outlines of type ``rss``, in folders by group, else by kind; pages as links."""
    root, body = _document(f"{plain(title)}: sources")
    folders: dict[str, etree._Element] = {}
    for source in sources:
        address, homepage = web_address(source.url), web_address(source.homepage or "")
        if address is None:
            continue
        parent = _folder(body, folders, plain(source.group or source.kind))
        name = plain(source.title) or source.id
        if source.type == "feed":
            outline = etree.SubElement(parent, "outline", type="rss", text=name, title=name, xmlUrl=address)
            outline.set("htmlUrl", homepage or _root(address))
        else:
            etree.SubElement(parent, "outline", type="link", text=name, title=name, url=homepage or address)
    return _bytes(root)


def _document(title: str) -> tuple[etree._Element, etree._Element]:
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = title
    return root, etree.SubElement(root, "body")


def _root(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/"


def _folder(body: etree._Element, folders: dict[str, etree._Element], name: str) -> etree._Element:
    if name not in folders:
        folders[name] = etree.SubElement(body, "outline", text=name, title=name)
    return folders[name]


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
