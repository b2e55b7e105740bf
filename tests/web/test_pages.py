"""Pages: every link leads somewhere, nothing needs a script, everybody can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import html5lib
import pytest
from tests.publish.world import SOURCES, about, entry, open_store, poll
from tests.web.server import Site, serving

from ketfeed.model import Category
from ketfeed.store.db import Store

ALPHA, BETA, GAMMA = SOURCES


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("pages")
    store: Store = open_store(folder)
    for source in SOURCES:
        told = [
            (entry(f"{n}", source.id, title=f"A <b>bold</b> & “quoted” title {n} {source.id}",
                   categories=(Category("own <i>label</i>"),)), about("ptsd" if n % 2 else "pain"))
            for n in range(4)
        ]  # fmt: skip
        poll(store, source, told)
    with serving(store, folder) as running:
        yield running
    store.close()


def crawl(site: Site) -> dict[str, bytes]:
    """Every page and feed that can be reached from the first page."""
    waiting, found = ["/"], dict[str, bytes]()
    while waiting:
        path = waiting.pop()
        reply = site.get(path)
        assert reply.status == 200, f"{path}: {reply.status}"
        found[path] = reply.body
        if "html" not in reply.headers["content-type"]:
            continue
        for address in re.findall(r'(?:href|src)="([^"]+)"', reply.text):
            target = urlsplit(urljoin(site.url + path, address.replace("&amp;", "&")))
            if f"{target.scheme}://{target.netloc}" == site.url:
                here = target.path + (f"?{target.query}" if target.query else "")
                if here not in found and here not in waiting:
                    waiting.append(here)
    return found


def test_every_link_of_the_site_leads_somewhere_and_every_page_is_good_html(site: Site) -> None:
    found = crawl(site)
    assert len([path for path in found if path.startswith("/entries/")]) == 12
    for path, body in found.items():
        if body.startswith(b"<!doctype html>"):
            parser = html5lib.HTMLParser(strict=False)
            tree = parser.parse(body.decode())
            assert [code for _, code, _ in parser.errors] == [], path
            assert_everybody_can_read(tree, path)


def assert_everybody_can_read(tree: object, path: str) -> None:
    """One h1, no level of heading left out, a language, a title, text for every image, a label for every field."""
    xhtml = "{http://www.w3.org/1999/xhtml}"
    elements = list(tree.iter())  # type: ignore[attr-defined]  # an ElementTree
    named = {name: [one for one in elements if one.tag == xhtml + name] for name in (
        "html", "title", "img", "input", "label", "script", "main", "a", "style")}  # fmt: skip
    levels = [int(one.tag[-1]) for one in elements if re.fullmatch(re.escape(xhtml) + "h[1-6]", str(one.tag))]
    assert levels[0] == 1, path
    assert levels.count(1) == 1, path
    assert all(after <= before + 1 for before, after in pairwise(levels)), (path, levels)
    assert named["html"][0].get("lang"), path
    assert named["title"][0].text, path
    assert all(one.get("alt") is not None for one in named["img"]), path
    labelled = {one.get("for") for one in named["label"]}
    assert all(one.get("id") in labelled for one in named["input"]), path
    assert len(named["main"]) == 1, path
    assert not named["script"], path
    assert not named["style"], path
    assert not [one for one in elements if any(name.startswith("on") or name == "style" for name in one.attrib)], path
    assert all("".join(one.itertext()).strip() for one in named["a"] if one.get("href")), path


def test_pages_forbid_scripts_frames_and_foreign_styles(site: Site) -> None:
    headers = site.get("/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy, "falls back to none"
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_topic_page_announces_its_three_feeds(site: Site) -> None:
    page = site.get("/topics/ptsd").text
    for kind, ending in (
        ("application/atom+xml", "atom"),
        ("application/rss+xml", "rss"),
        ("application/feed+json", "json"),
    ):
        assert re.search(rf'<link rel="alternate" type="{re.escape(kind)}" [^>]*href="/feeds/ptsd\.{ending}">', page)


def test_a_page_that_did_not_change_is_not_sent_again(site: Site) -> None:
    first = site.get("/topics/ptsd/")
    assert site.get("/topics/ptsd/", If_None_Match=first.headers["etag"]).status == 304
    assert site.get("/topics/ptsd/", "HEAD").body == b""


def test_text_of_a_source_is_text_on_a_page(site: Site) -> None:
    page = site.get("/topics/pain").text
    assert "A bold &amp; “quoted” title" in page
    assert "<b>" not in page


def test_an_entry_page_says_why_it_is_here_and_when_it_was_seen(site: Site) -> None:
    page = site.get(f"/entries/{entry('1').id}").text
    assert "“PTSD” in the title" in page
    assert "<dt>First seen</dt>" in page
    assert "<dt>Published</dt>" in page
    assert f"urn:uuid:{entry('1').id}" in page


def test_search_finds_published_entries_and_offers_itself_as_a_feed(site: Site) -> None:
    page = site.get("/search?q=quoted").text
    assert "12 entries, newest first" in page
    assert 'href="/feeds/q.atom?q=quoted+title"' in site.get("/search?q=quoted%20title").text
    assert site.get("/feeds/q.atom?q=quoted+title").status == 200
    assert "No published entry says this" in site.get("/search?q=nonexistent").text
    assert site.get("/search?q=%00%22%27*%28").status == 200


def test_pages_have_dates_and_no_relative_times(site: Site) -> None:
    page = site.get("/").text
    assert not re.search(r"\bago\b|yesterday|just now", page)
    assert '<time datetime="2026-11-24T' in page


def test_a_page_needs_nothing_from_elsewhere(site: Site, tmp_path: Path) -> None:
    for path in ("/", "/topics/ptsd/", "/sources/", "/about/"):
        text = site.get(path).text
        loaded = re.findall(r'<(?:link rel="(?:stylesheet|icon)"|img)[^>]*(?:href|src)="([^"]+)"', text)
        assert loaded
        assert all(one.startswith("/static/") for one in loaded)
