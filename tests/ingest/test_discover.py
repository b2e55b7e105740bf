"""What a site offers is found, fetched, read and ranked; over a site of our own on the loopback interface."""

# ruff: noqa: E501  # pages are easier to read wide

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ketfeed.errors import PollError
from ketfeed.ingest.article import complete
from ketfeed.ingest.discover import Candidate, discover, rank
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.links import find_links, survey
from ketfeed.ingest.normalise import read_document
from ketfeed.ingest.survey import Kind, Links, Survey
from ketfeed.model import Source
from ketfeed.net.client import Client
from ketfeed.settings import Settings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FEED = '<rss version="2.0"><channel><title>{}</title><item><guid>1</guid><title>One</title><pubDate>2024-03-05</pubDate></item></channel></rss>'
MAP = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>{}/blog/one</loc></url></urlset>'
LIST = '<main><h2><a href="/blog/one-thing">One</a></h2><h2><a href="/blog/two-things">Two</a></h2></main>'


class Site(ThreadingHTTPServer):
    """Pages by path; anything else is 404."""

    daemon_threads = True
    pages: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Site)
        page = self.server.pages.get(self.path)
        body = (page or "not found").encode()
        self.send_response(200 if page is not None else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        return


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site(("127.0.0.1", 0), _Handler)
    server.pages = {}
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Reader:
    """Reads in this process: what the sandbox does, without its children."""

    async def survey(self, document: Document, kind: Kind, now: datetime) -> Survey:
        return survey(document, kind, now, Limits())

    async def links(self, document: Document) -> Links:
        return find_links(document)


def _found(url: str) -> list[Candidate]:
    async def search() -> list[Candidate]:
        client = Client(Settings(allow_networks="127.0.0.0/8"), user_agent="test")
        try:
            return await discover(url, client, Reader(), NOW, pause=0)
        finally:
            await client.aclose()

    return asyncio.run(search())


def test_feeds_the_page_names_come_first_in_its_order_and_comments_last(site: Site) -> None:
    site.pages = {
        "/": '<link rel="alternate" type="application/rss+xml" href="/comments/feed"><link rel="alternate" '
        'type="application/atom+xml" href="news.xml"><link rel="alternate" type="application/rss+xml" href="/gone.xml">',
        "/comments/feed": FEED.format("Comments on x"),
        "/news.xml": FEED.format("News"),
    }
    found = _found(site.url + "/")
    assert [(candidate.url, candidate.title) for candidate in found] == [
        (f"{site.url}/news.xml", "News"),
        (f"{site.url}/comments/feed", "Comments on x"),
    ]
    assert found[0].newest == datetime(2024, 3, 5, tzinfo=UTC)
    assert (found[0].kind, found[0].format) == ("feed", "rss2.0")


def test_links_that_look_like_feeds_and_then_the_usual_paths_are_tried(site: Site) -> None:
    site.pages = {"/": '<a href="/our/rss">RSS</a>', "/our/rss": FEED.format("Linked")}
    assert [candidate.title for candidate in _found(site.url)] == ["Linked"]
    site.pages = {"/": "<p>x</p>", "/feed.xml": FEED.format("Usual")}
    assert [candidate.title for candidate in _found(site.url)] == ["Usual"]


def test_a_feeds_own_address_gives_that_feed(site: Site) -> None:
    site.pages = {"/f": FEED.format("Itself")}
    assert [candidate.url for candidate in _found(f"{site.url}/f")] == [f"{site.url}/f"]


def test_without_a_feed_sitemap_and_page_are_offered(site: Site) -> None:
    site.pages = {
        "/blog": LIST,
        "/robots.txt": f"User-agent: *\nSitemap: {site.url}/map.xml\n",
        "/map.xml": MAP.format(site.url),
    }
    assert [(candidate.kind, candidate.entries) for candidate in _found(f"{site.url}/blog")] == [
        ("sitemap", 1),
        ("page", 2),
    ]


def test_an_address_that_cannot_be_fetched_is_an_error(site: Site) -> None:
    with pytest.raises(PollError) as caught:
        _found(f"{site.url}/missing")
    assert caught.value.outcome == "http_error"


def test_the_same_feed_at_two_addresses_is_offered_once() -> None:
    twice = [
        Candidate(
            url=f"https://example.org/{path}",
            kind="feed",
            found="linked from the page",
            title="T",
            format="rss2.0",
            newest=NOW,
        )
        for path in ("a", "b")
    ]
    assert rank(twice) == twice[:1]


def test_an_articles_page_fills_what_an_entry_lacks_and_nothing_else() -> None:
    source = Source(id="s", url="https://example.org/blog", type="page")
    listing = read_document(Document(LIST.encode(), None, source.url), source, NOW, Limits())
    data = json.dumps({"@type": "NewsArticle", "datePublished": "2024-05-01T10:00:00Z", "author": {"name": "Jane"}})
    article = (
        f'<meta property="og:description" content="About &lt;it&gt;."><meta property="og:image" content="/i.jpg"><title>Other</title>'
        f'<script type="application/ld+json">{data}</script><meta name="date" content="2030-01-01">'
    )
    entry = complete(
        Document(article.encode(), None, "https://example.org/blog/one-thing"), listing.entries[0], NOW, Limits()
    )
    assert (entry.title, entry.raw_id, entry.link) == (
        "One",
        "example.org/blog/one-thing",
        "https://example.org/blog/one-thing",
    )
    assert entry.published == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert entry.summary == "About &lt;it&gt;."
    assert entry.image is not None
    assert entry.image.url == "https://example.org/i.jpg"
    assert [person.name for person in entry.authors] == ["Jane"]
    assert "date: from the article's page" in entry.notes
