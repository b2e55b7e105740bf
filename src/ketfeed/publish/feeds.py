"""Documents and their bytes: every feed is rendered once per change and kept until its entries change.

```
Feed ─ marker changed? ─ no ──▶ Rendered as before
          │ yes
          ▼
      document ─ rss | atom | json ─▶ ledger (equal bytes keep their date) ─▶ Rendered
```
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import brotli
import structlog

from ketfeed.errors import KetfeedError, StoreError
from ketfeed.model import Catalog, FeedQuery
from ketfeed.publish import digest
from ketfeed.publish.document import FORMATS, MEDIA_TYPES, Document, Format, Item
from ketfeed.publish.items import Place, item
from ketfeed.publish.jsonfeed import jsonfeed
from ketfeed.publish.ledger import Kept, Ledger
from ketfeed.publish.select import Feed, archive_of
from ketfeed.publish.wording import escape, language, plain, web_address
from ketfeed.publish.xml import atom, rss
from ketfeed.store.records import FeedVersion, StoredEntry

CACHE_BYTES = 128 * 1024 * 1024  # of rendered feeds in memory
ARCHIVE_KEPT = 1_000_000  # frozen pages: as many as there are
DOCUMENTS_KEPT = 40  # feeds whose items are kept until their other formats are asked for
TTL = 60  # minutes; what RSS tells readers that ask for it
LINKED = 200  # entries ranked for a digest
CONTENT_OF_ITEM = 128 * 1024  # bytes as written in XML
CONTENT_OF_FEED = 1_200_000  # bytes as written in XML
EXTRAS_OF_ITEM = 64 * 1024  # characters of authors, categories and enclosures
EXTRAS_OF_FEED = 300_000  # the same of all items; past it an item names the first few only
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # ``updated`` of a feed that never had an entry

WRITERS: dict[Format, Callable[[Document], bytes]] = {"rss": rss, "atom": atom, "json": jsonfeed}

_log = structlog.get_logger(__name__)


class NoSuchFeed(KetfeedError):
    """There is no feed or archive page at this address."""


class Entries(Protocol):
    """What publishing asks of the store's entries."""

    def select(
        self,
        query: FeedQuery,
        *,
        max_per_source: int | None = 15,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[StoredEntry]: ...

    def story(self, story: str) -> list[StoredEntry]: ...

    def find(self, entry_id: str) -> StoredEntry | None: ...

    def search(self, words: str, limit: int = 20, *, public: bool = False) -> list[StoredEntry]: ...

    def counts(self) -> dict[str, dict[str, int]]: ...

    def feed_version(self, query: FeedQuery) -> FeedVersion | None: ...

    def archive(self, query: FeedQuery) -> tuple[int, int]: ...

    def archive_page(self, query: FeedQuery, page: int) -> list[StoredEntry]: ...


class Reading(Protocol):
    """What publishing asks of the store."""

    @property
    def entries(self) -> Entries: ...

    def version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A feed ready to be sent."""

    body: bytes
    gzip: bytes
    brotli: bytes
    media_type: str
    etag: str  # strong, quoted, of ``body``
    last_modified: datetime  # whole seconds
    self_url: str = ""
    hubs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Slot:
    marker: object
    rendered: Rendered


class Publisher:
    """Feeds of one catalog from one store, for one address of the site. Safe to call from several threads.

    ``folder`` keeps the last good bytes over a restart; None: in memory only.
    """

    def __init__(self, store: Reading, catalog: Catalog, base_url: str, *, folder: Path | None = None) -> None:
        self.store = store
        self.catalog = catalog
        self.base_url = base_url.rstrip("/")
        self._ledger = Ledger(folder)
        self._archive = Ledger(folder / "archive" if folder else None, most=ARCHIVE_KEPT)
        self._slots: OrderedDict[tuple[str, Format], _Slot] = OrderedDict()
        self._size = 0
        self._documents: OrderedDict[str, tuple[object, Document]] = OrderedDict()
        self._lock = threading.Lock()
        self.place = self._place()

    def use(self, catalog: Catalog) -> None:
        """Take up a changed catalog; what is rendered stays until it is asked for again."""
        with self._lock:
            self.catalog = catalog
            self.place = self._place()

    def _place(self) -> Place:
        topics = {topic.id: plain(topic.title) or topic.id for topic in self.catalog.rules.topics}
        pages = frozenset(source.id for source in self.catalog.sources if source.type != "feed")
        return Place(self.base_url, topics, pages)

    # ------------------------------------------------------------ bytes

    def render(self, feed: Feed, form: Format, now: datetime) -> Rendered:
        """The feed's bytes; the last good ones while the store cannot be read.

        Raises NoSuchFeed, or StoreError when there are no last good bytes either.
        """
        slot = self._slots.get((feed.key, form))
        try:
            if slot is not None and slot.marker == self._marker(feed, now):
                return slot.rendered
            return self._renew(feed, form, now)
        except StoreError as error:
            _log.warning("the store cannot be read", action="publish", feed=feed.key, reason=str(error))
            return self._last_good(feed, form, slot)
        except KetfeedError:
            raise  # there is no such feed
        except Exception:  # a bug: subscribers keep what they had
            _log.exception("a feed could not be made", action="publish", feed=feed.key)
            try:
                return self._last_good(feed, form, slot)
            except StoreError:
                pass
            raise

    def _renew(self, feed: Feed, form: Format, now: datetime) -> Rendered:
        """Render what changed. One at a time: an older state must never be published after a newer one."""
        with self._lock:
            marker = self._marker(feed, now)
            slot = self._slots.get((feed.key, form))
            if slot is not None and slot.marker == marker:
                return slot.rendered  # another thread was first
            rendered = self._render(feed, form, now, marker)
            self._keep((feed.key, form), _Slot(marker, rendered))
            return rendered

    def _marker(self, feed: Feed, now: datetime) -> object:
        """Equal as long as the feed shows the same; cheap. Raises StoreError."""
        version: object = self.store.version()
        if feed.story is None and feed.group != "query":
            found = self.store.entries.feed_version(feed.query)
            version = found.version if found else version
        return (version, self.catalog.digest, self.catalog.site, digest.period_of(feed, now))

    def _render(self, feed: Feed, form: Format, now: datetime, marker: object) -> Rendered:
        def write() -> bytes:
            return WRITERS[form](self._document(feed, now, marker))

        key = self._key(feed, form)
        if feed.view == "archive" and (members := self._full_page(feed)):
            frozen = f"{key} {members}"
            kept = self._archive.get(frozen) or self._archive.publish(frozen, write(), now)
            return self._rendered(feed, form, self._ledger.publish(key, kept.body, kept.last_modified))
        return self._rendered(feed, form, self._ledger.publish(key, write(), now, keep=feed.group != "query"))

    def _document(self, feed: Feed, now: datetime, marker: object) -> Document:
        """The document, made once for all three formats."""
        known = self._documents.get(feed.key)
        if known is not None and known[0] == marker:
            return known[1]
        made = self.document(feed, now)
        self._documents[feed.key] = (marker, made)
        self._documents.move_to_end(feed.key)
        while len(self._documents) > DOCUMENTS_KEPT:
            self._documents.popitem(last=False)
        return made

    def _key(self, feed: Feed, form: Format) -> str:
        return f"{self.base_url} {feed.key} {form}"

    def _full_page(self, feed: Feed) -> str | None:
        """What names a full archive page's members; None for a page that still grows.

        A full page is frozen as first published (RFC 5005 section 4). What an editor hides must go all the same: other
        members, other page.
        """
        if not self._is_full(feed):
            return None
        members = " ".join(one.entry.id for one in self._archive_page(feed))
        return hashlib.sha256(members.encode()).hexdigest()

    def _rendered(self, feed: Feed, form: Format, kept: Kept) -> Rendered:
        return Rendered(
            body=kept.body,
            gzip=gzip.compress(kept.body, 9, mtime=0),
            brotli=brotli.compress(kept.body, quality=7),
            media_type=MEDIA_TYPES[form],
            etag=f'"{hashlib.sha256(kept.body).hexdigest()[:32]}"',
            last_modified=kept.last_modified,
            self_url=self.base_url + feed.path(form),
            hubs=self._hubs(),
        )

    def _last_good(self, feed: Feed, form: Format, slot: _Slot | None) -> Rendered:
        if slot is not None:
            return slot.rendered
        kept = self._ledger.get(self._key(feed, form))
        if kept is None:
            raise StoreError("The database cannot be read, and this feed has not been published before.")
        return self._rendered(feed, form, kept)

    def _keep(self, key: tuple[str, Format], slot: _Slot) -> None:
        old = self._slots.pop(key, None)
        self._size += _weight(slot) - (_weight(old) if old else 0)
        self._slots[key] = slot
        while self._size > CACHE_BYTES and len(self._slots) > 1:
            _, gone = self._slots.popitem(last=False)
            self._size -= _weight(gone)

    # ------------------------------------------------------------ documents

    def document(self, feed: Feed, now: datetime) -> Document:
        """The feed with its items, newest first. Raises NoSuchFeed, StoreError."""
        items = self._digest(feed, now) if feed.view in ("daily", "weekly") else self.items(self.stored(feed))
        updated = max((item.updated for item in items), default=EPOCH)
        return replace(self.shell(feed), items=tuple(items), updated=updated)

    def shell(self, feed: Feed) -> Document:
        """The feed without its items. Raises StoreError."""
        site = self.catalog.site
        before = self._page_before(feed)
        previous = archive_of(feed, before) if before else None
        after = archive_of(feed, feed.number + 1) if feed.view == "archive" and self._is_full(feed) else None
        live = Feed(base=feed.base, group=feed.group, title="", description="", query=feed.query)
        return Document(
            key=feed.key,
            id=feed.id,
            title=plain(feed.title) or "ketfeed",
            description=plain(feed.description) or plain(feed.title) or "ketfeed",
            language=language(site.language) or "en",
            page=self.base_url + feed.page,
            addresses=self._addresses(feed),
            updated=EPOCH,
            icon=web_address(site.icon or "") or f"{self.base_url}/static/icon.png",
            site_title=plain(site.title).replace("@", " at ") or "ketfeed",  # an author: no e-mail address
            site_url=f"{self.base_url}/",
            about=f"{self.base_url}/about/",
            hubs=self._hubs() if feed.view == "live" else (),
            ttl=TTL,
            stylesheet=f"{self.base_url}/static/feed.css",
            archive=feed.view == "archive",
            current=self._addresses(live) if feed.view == "archive" else None,
            previous=self._addresses(previous) if previous else None,
            next=self._addresses(after) if after else None,
        )

    def stored(self, feed: Feed) -> Sequence[StoredEntry]:
        """The entries of a feed as remembered, newest first. Raises NoSuchFeed, StoreError."""
        if feed.view == "archive":
            return self._archive_page(feed)
        if feed.story is not None:
            members = [entry for entry in self.store.entries.story(feed.story) if entry.visible]
            if not members:
                raise NoSuchFeed("There is no story at this address.")
            return members
        cap = None if feed.group == "source" else self.catalog.site.max_per_source
        return self.store.entries.select(feed.query, max_per_source=cap)

    def items(self, stored: Sequence[StoredEntry]) -> list[Item]:
        """Items with unique ids; an entry that cannot be told is left out and logged, the others are published."""
        found: dict[str, Item] = {}
        for entry in stored:
            try:
                made = item(entry, self.place)
            except Exception:  # noqa: BLE001  # one bad entry never harms a feed
                _log.exception("an entry could not be told", action="publish", entry=entry.entry.id)
                continue
            found.setdefault(made.id, made)
        return within_bounds(list(found.values()))

    def newest_before(self, feed: Feed, until: datetime) -> Sequence[StoredEntry]:
        """The newest entry of a feed before a moment: at most one."""
        return self.store.entries.select(replace(feed.query, limit=1), max_per_source=None, until=until)

    def between(self, feed: Feed, since: datetime, until: datetime) -> Sequence[StoredEntry]:
        """The entries of a feed from ``since`` up to, not including, ``until``; newest first, at most ``LINKED``."""
        query = replace(feed.query, limit=LINKED)
        return self.store.entries.select(query, max_per_source=None, since=since, until=until)

    def _digest(self, feed: Feed, now: datetime) -> list[Item]:
        return digest.items(feed, self, now)

    def _archive_page(self, feed: Feed) -> Sequence[StoredEntry]:
        closed, waiting = self.store.entries.archive(feed.query)
        if feed.number > closed + (closed > 0 or waiting > 0):
            raise NoSuchFeed("There is no archive page at this address yet.")
        return self.store.entries.archive_page(feed.query, feed.number)

    def _is_full(self, feed: Feed) -> bool:
        """Whether a page of an archive is closed; the page after it exists from that moment on, if only empty."""
        return feed.number <= self.store.entries.archive(feed.query)[0]

    def archive_pages(self, query: FeedQuery) -> int:
        """How many archive pages a feed has, the one that is not full yet included. Raises StoreError."""
        closed, waiting = self.store.entries.archive(query)
        return closed + (waiting > 0)

    def _page_before(self, feed: Feed) -> int:
        """Number of the archive page before this document, 0 where there is none."""
        if feed.view == "archive":
            return feed.number - 1
        if feed.view != "live" or feed.story is not None or feed.group == "query":
            return 0
        return self.archive_pages(feed.query)

    def _addresses(self, feed: Feed) -> dict[Format, str]:
        return {form: self.base_url + feed.path(form) for form in FORMATS}

    def _hubs(self) -> tuple[str, ...]:
        return tuple(hub for hub in map(web_address, self.catalog.site.hubs) if hub)


def within_bounds(items: Sequence[Item]) -> list[Item]:
    """Items whose content keeps the feed within what readers take: a text too long is told by its summary.

    The W3C validator and several readers give up at 2,000,000 bytes.
    """
    room, spare = CONTENT_OF_FEED, EXTRAS_OF_FEED
    kept = []
    for one in items:
        if (extras := _extras(one)) > min(EXTRAS_OF_ITEM, spare):
            one = _lean(one)
            extras = _extras(one)
        spare -= extras
        size = len(escape(one.content).encode())
        if size > CONTENT_OF_ITEM or size > room:
            one = replace(one, content=one.short)
            size = len(one.short)
        room -= size
        kept.append(one)
    return kept


def _extras(one: Item) -> int:
    """Characters of what stands beside title and content, addresses above all."""
    names = sum(len(name.name) + len(name.uri or "") for name in one.authors)
    labels = sum(len(label.term) + len(label.label) + len(label.scheme or "") for label in one.categories)
    return names + labels + sum(len(attachment.url) for attachment in one.attachments)


def _lean(one: Item) -> Item:
    """The first few authors, enclosures and categories; our topics are the first categories and stay."""
    labels = one.categories[: len(one.topics) + 3]
    return replace(
        one,
        authors=tuple(replace(name, uri=None) for name in one.authors[:3]),
        categories=tuple(label if len(label.scheme or "") < 200 else replace(label, scheme=None) for label in labels),
        attachments=one.attachments[:1],
    )


def _weight(slot: _Slot) -> int:
    return len(slot.rendered.body) + len(slot.rendered.gzip) + len(slot.rendered.brotli)
