"""Pages for people: plain HTML that needs no script, cookie or font from elsewhere.

Each feed has an HTML twin. What a page shows depends on the store and the catalog alone: times are dates, never "two
hours ago", so that an exported page changes only when its entries do.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import brotli
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ketfeed.model import Catalog, FeedQuery
from ketfeed.publish.document import FORMATS, MEDIA_TYPES, Item
from ketfeed.publish.feeds import NoSuchFeed, Publisher
from ketfeed.publish.items import item, reason_words
from ketfeed.publish.select import Feed, archive_of, canonical_query, digest_of, find
from ketfeed.publish.wording import fragment, plain, web_address
from ketfeed.store.records import StoredEntry

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
NEWEST = 20  # entries on the first page
COMPRESS_FROM = 512  # bytes

FORMAT_TITLES = {"atom": "Atom", "rss": "RSS", "json": "JSON Feed"}


def tag_of(body: bytes) -> str:
    """The opaque part of the entity tag of a body."""
    return hashlib.sha256(body).hexdigest()[:32]


def compressed(body: bytes) -> dict[str, bytes]:
    """A body in every coding we serve; small ones as they are."""
    if len(body) < COMPRESS_FROM:
        return {"": body}
    return {"": body, "gzip": gzip.compress(body, 9, mtime=0), "br": brotli.compress(body, quality=7)}


@dataclass(frozen=True, slots=True)
class FeedLinks:
    """A feed as a page points to it."""

    title: str
    page: str  # address of the twin, on this site
    count: int | None
    formats: tuple[tuple[str, str, str], ...]  # (name, media type, address on this site)


class Pages:
    """Every page as a string, from what a publisher can read. Raises NoSuchFeed and StoreError."""

    def __init__(self, publisher: Publisher, now: datetime, *, static: bool = False) -> None:
        """``now`` decides which day's digest is told; ``static``: for a host of files, so without search."""
        self.publisher = publisher
        self.now = now
        self.static = static
        self._prefix = urlsplit(publisher.base_url).path.rstrip("/")
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["day"] = day
        self._environment.filters["moment"] = moment
        self._environment.filters["path"] = self._path
        self._environment.filters["safe_html"] = Markup  # only for what ``publish`` made or cleaned

    @property
    def catalog(self) -> Catalog:
        return self.publisher.catalog

    # ------------------------------------------------------------ pages

    def index(self, feeds: Sequence[Feed]) -> str:
        """The first page: topics with their feeds, then the newest entries."""
        counts = self.publisher.store.entries.counts()
        groups = {
            group: [self._links(feed, counts) for feed in feeds if feed.group == group and self._shown(feed, counts)]
            for group in ("topic", "named", "kind")
        }
        everything = next(feed for feed in feeds if feed.group == "all")
        newest = self.publisher.store.entries.select(
            FeedQuery(limit=NEWEST), max_per_source=self.catalog.site.max_per_source
        )
        return self._page(
            "index.html",
            title=plain(self.catalog.site.title),
            path="/",
            feed=self._links(everything, counts),
            groups=groups,
            items=self.publisher.items(newest),
            sources=len(self.catalog.sources),
        )

    def feed(self, feed: Feed) -> str:
        """The twin of a feed: how to subscribe, its entries, its digests and its archive."""
        now_items = self._items(feed)
        related: list[Feed] = []
        pages = 0
        if feed.view == "live" and feed.group not in ("query", "story"):
            related = [digest_of(feed, "daily"), digest_of(feed, "weekly")]
            pages = self.publisher.archive_pages(feed.query)
        older = archive_of(feed, pages) if pages else None
        if feed.view == "archive" and feed.number > 1:
            older = archive_of(self._live(feed), feed.number - 1)
        return self._page(
            "feed.html",
            title=plain(feed.title),
            path=feed.page,
            feed=self._links(feed),
            description=plain(feed.description),
            items=now_items,
            view=feed.view,
            live=self._links(self._live(feed)) if feed.view != "live" else None,
            related=[self._links(one) for one in related],
            older=self._links(older) if older else None,
        )

    def entry(self, stored: StoredEntry) -> str:
        """One entry: what it says, when it was seen, why it is here, who else reports it."""
        if not stored.visible:
            raise NoSuchFeed("There is no public entry at this address.")
        told = item(stored, self.publisher.place)
        topics = self.publisher.place.topics
        reasons = [
            (topics[match.topic], self.url(f"/topics/{quote(match.topic)}/"), list(map(reason_words, match.reasons)))
            for match in stored.tagging.matches
            if match.topic in topics
        ]
        content = ""
        if stored.source.publish == "full":
            content = fragment(stored.entry.content or stored.entry.summary)
        story = find(self.catalog, f"story/{stored.story_id}") if stored.also else None
        source = find(self.catalog, f"source/{stored.source.id}")
        return self._page(
            "entry.html",
            title=told.title,
            path=f"/entries/{stored.entry.id}/",
            entry=told,
            stored=stored,
            content=Markup(content),  # noqa: S704  # safe HTML out of ``fragment``
            reasons=reasons,
            relevance=list(map(reason_words, stored.tagging.relevance_reasons)),
            kind=stored.tagging.kind.replace("-", " ").capitalize(),
            story=self._links(story) if story else None,
            source=self._links(source) if source else None,
        )

    def topics(self, feeds: Sequence[Feed]) -> str:
        """Every topic with its description: the scheme of the categories in our feeds."""
        counts = self.publisher.store.entries.counts()
        rows = [(self._links(feed, counts), plain(feed.description)) for feed in feeds if feed.group == "topic"]
        return self._page("topics.html", title="Topics", path="/topics/", topics=rows)

    def sources(self) -> str:
        """Every source: who it is, what kind, where its own feed is."""
        counts = self.publisher.store.entries.counts().get("source", {})
        rows = [
            (
                self._links(Feed(base=f"source/{one.id}", group="source", title=plain(one.title) or one.id,
                                 description="", query=FeedQuery(sources=(one.id,)))),
                one,
                web_address(one.homepage or "") or web_address(one.url),
                web_address(one.url),
                counts.get(one.id, 0),
            )
            for one in sorted(self.catalog.sources, key=lambda one: (plain(one.title) or one.id).casefold())
        ]  # fmt: skip
        return self._page("sources.html", title="Sources", path="/sources/", rows=rows)

    def about(self) -> str:
        """How to subscribe, what the formats hold, what ``_ketfeed`` means."""
        return self._page("about.html", title="About these feeds", path="/about/")

    def search(self, words: str, found: Sequence[StoredEntry]) -> str:
        """Entries that say the words, newest first."""
        words = plain(words)[:200]
        query = canonical_query(FeedQuery(words=words))
        return self._page(
            "search.html",
            title=f"Search: {words}" if words else "Search",
            path="/search",
            words=words,
            items=self.publisher.items(found),
            feed=self.url(f"/feeds/q.atom?{query}") if words else None,
        )

    def problem(self, title: str, text: str, feeds: Sequence[Feed]) -> str:
        """What is wrong and what there is instead."""
        shown = [self._links(feed) for feed in feeds if feed.group in ("all", "topic", "named")]
        return self._page("problem.html", title=title, path="", text=text, feeds=shown)

    # ------------------------------------------------------------ parts

    def url(self, path: str) -> str:
        """The address of a path of the site as a page writes it: from the root of the host."""
        return self._prefix + path

    def _path(self, address: str) -> str:
        return address.removeprefix(self.publisher.base_url)

    def _items(self, feed: Feed) -> list[Item]:
        if feed.view in ("daily", "weekly"):
            return list(self.publisher.document(feed, self.now).items)
        return self.publisher.items(self.publisher.stored(feed))

    def _live(self, feed: Feed) -> Feed:
        live = find(self.catalog, feed.base)
        if live is None:
            raise NoSuchFeed("There is no feed at this address.")
        return live

    def _links(self, feed: Feed, counts: Mapping[str, Mapping[str, int]] | None = None) -> FeedLinks:
        count = None
        if counts is not None and feed.group in ("topic", "kind", "all"):
            count = counts.get(feed.group, {}).get("" if feed.group == "all" else feed.base.removeprefix("kind/"), 0)
        return FeedLinks(
            title=plain(feed.title).removesuffix(f" · {plain(self.catalog.site.title)}"),
            page=self.url(feed.page),
            count=count,
            formats=tuple(
                (FORMAT_TITLES[form], MEDIA_TYPES[form], self.url(feed.path(form))) for form in ("atom", "rss", "json")
            ),
        )

    def _shown(self, feed: Feed, counts: Mapping[str, Mapping[str, int]]) -> bool:
        return feed.group != "kind" or counts.get("kind", {}).get(feed.base.removeprefix("kind/"), 0) > 0

    def _page(self, template: str, *, title: str, path: str, **values: object) -> str:
        site = self.catalog.site
        return self._environment.get_template(template).render(
            site_title=plain(site.title),
            site_description=plain(site.description),
            language=site.language,
            title=title,
            canonical=self.publisher.base_url + path if path else None,
            url=self.url,
            static=self.static,
            formats=FORMATS,
            **{"feed": None, **values},
        )


def day(value: datetime) -> Markup:
    """A date as a person reads it: <time datetime="…">24 November 2026</time>."""
    return Markup('<time datetime="{}">{} {}</time>').format(
        value.isoformat(timespec="seconds"), value.day, f"{value:%B %Y}"
    )


def moment(value: datetime) -> Markup:
    """A date with the time of day in UTC."""
    return Markup('<time datetime="{}">{} {}, {} UTC</time>').format(
        value.isoformat(timespec="seconds"), value.day, f"{value:%B %Y}", f"{value:%H:%M}"
    )
