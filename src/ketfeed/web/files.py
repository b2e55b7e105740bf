"""The site as a static host has it: a path → the bytes a visitor gets, or None where there is nothing."""

from __future__ import annotations

from datetime import datetime

from ketfeed.publish.document import FORMATS
from ketfeed.publish.feeds import NoSuchFeed, Publisher
from ketfeed.publish.opml import feeds_opml, sources_opml
from ketfeed.publish.select import Feed, find, listed
from ketfeed.web.pages import STATIC, Pages

START = ("/", "/404.html", "/robots.txt", "/favicon.ico", "/opml", "/feeds.opml")


class Files:
    """Reads paths for ``publish.export``. Raises StoreError."""

    def __init__(self, publisher: Publisher, now: datetime) -> None:
        self._publisher = publisher
        self._now = now
        self._pages = Pages(publisher, now, static=True)
        self._feeds = listed(publisher.catalog)
        self._known = {feed.base: feed for feed in self._feeds}

    def start(self) -> list[str]:
        """Paths to begin with: the first page, and every listed feed although nothing might point to it."""
        feeds = [feed.path(form) for feed in self._feeds for form in FORMATS]
        return [*START, *feeds, *(feed.page for feed in self._feeds)]

    def read(self, path: str) -> bytes | None:
        """The bytes of a path; None where there is nothing."""
        try:
            return self._read(path)
        except NoSuchFeed:
            return None

    def _read(self, path: str) -> bytes | None:
        head, _, rest = path.strip("/").partition("/")
        if path.startswith("/static/"):
            file = STATIC / rest
            return file.read_bytes() if file.parent == STATIC and file.is_file() else None
        if path.startswith("/feeds/") and not path.endswith("/"):
            return self._feed(rest)
        if path == "/opml":
            return sources_opml(self._publisher.catalog.site.title, self._publisher.catalog.sources)
        if path == "/feeds.opml":
            return feeds_opml(self._publisher.catalog.site.title, self._publisher.base_url, self._feeds)
        if path == "/favicon.ico":
            return (STATIC / "icon.png").read_bytes()
        if path == "/robots.txt":
            return b"User-agent: *\nDisallow:\n"
        page = self._page(path, head, rest)
        return None if page is None else page.encode()

    def _feed(self, name: str) -> bytes | None:
        key, _, ending = name.rpartition(".")
        feed = self._find(key)
        form = next((one for one in FORMATS if one == ending), None)
        return self._publisher.render(feed, form, self._now).body if feed and form else None

    def _page(self, path: str, head: str, rest: str) -> str | None:
        if path == "/":
            return self._pages.index(self._feeds)
        if path == "/404.html":
            return self._pages.problem("Not found", "There is nothing at this address.", self._feeds)
        single = {"/topics/": lambda: self._pages.topics(self._feeds), "/sources/": self._pages.sources}
        single["/about/"] = self._pages.about
        if path in single:
            return single[path]()
        if head == "entries":
            stored = self._publisher.store.entries.find(rest)
            return self._pages.entry(stored) if stored else None
        feed = self._find(rest) if head in ("topics", "feeds") else None
        return self._pages.feed(feed) if feed and feed.page == path else None

    def _find(self, key: str) -> Feed | None:
        return self._known.get(key) or find(self._publisher.catalog, key)
