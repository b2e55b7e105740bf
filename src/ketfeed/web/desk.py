"""What feeds and pages share: the store, the catalog of the moment, the publisher, the address of the site."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog

from ketfeed.errors import UsageError
from ketfeed.model import Catalog, Complaint, SourceState
from ketfeed.publish.document import Format
from ketfeed.publish.feeds import Publisher, Reading, Rendered
from ketfeed.publish.select import Feed, find, listed, query_feed
from ketfeed.publish.wording import web_address
from ketfeed.settings import Settings
from ketfeed.store.lock import Role


class SourceStates(Protocol):
    """What the operations feed asks of the store."""

    def states(self) -> list[SourceState]: ...


class ServedStore(Reading, Protocol):
    """What the web process asks of the store."""

    @property
    def sources(self) -> SourceStates: ...

    def lock_holder(self, role: Role) -> str | None: ...


def base_url_of(settings: Settings, catalog: Catalog) -> str:
    """The public address of the site without a slash at its end: the operator's, the editors', else where we listen.

    Raises UsageError for one that is no address of a site.
    """
    given = settings.base_url or catalog.site.base_url
    if given:
        address = web_address(given)
        if address is None or "?" in address or "#" in address:
            raise UsageError(
                f"base_url: {given!r} is no address of a site; write one such as https://feeds.example.org"
            )
        return address.rstrip("/")
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104  # compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of the web process."""
    return datetime.now(UTC)


class Desk:
    """One per web process. Its methods may be called from any thread."""

    def __init__(
        self,
        store: ServedStore,
        catalog_provider: Callable[[], Catalog],
        settings: Settings,
        complaints: Callable[[], Sequence[Complaint]],
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.settings = settings
        self.complaints = complaints
        self.clock = clock
        self._provider = catalog_provider
        self._lock = threading.Lock()
        self._catalog = catalog_provider()
        self._known = {feed.base: feed for feed in listed(self._catalog)}
        self._publisher = Publisher(
            store, self._catalog, base_url_of(settings, self._catalog), folder=settings.data / "published"
        )

    @property
    def publisher(self) -> Publisher:
        """The publisher, with the catalog of the moment."""
        catalog = self._provider()
        if catalog is not self._catalog:
            with self._lock:
                if catalog is not self._catalog:
                    self._take(catalog)
        return self._publisher

    def _take(self, catalog: Catalog) -> None:
        try:
            base_url = base_url_of(self.settings, catalog)
        except UsageError as error:
            _log.warning("the address of the site is not taken up", action="web", reason=str(error))
            base_url = self._publisher.base_url
        if base_url != self._publisher.base_url:
            self._publisher = Publisher(self.store, catalog, base_url, folder=self.settings.data / "published")
        else:
            self._publisher.use(catalog)
        self._known = {feed.base: feed for feed in listed(catalog)}
        self._catalog = catalog

    @property
    def catalog(self) -> Catalog:
        """What the editors wrote, as of now."""
        return self.publisher.catalog

    def feeds(self) -> list[Feed]:
        """Every feed with an address of its own."""
        self.publisher  # noqa: B018  # takes up a changed catalog
        return list(self._known.values())

    def find(self, key: str, query: str = "") -> Feed | None:
        """The feed of an address below /feeds/; ``q`` reads the query string. Raises QueryError."""
        catalog = self.catalog
        if key == "q":
            return query_feed(catalog, query)
        return self._known.get(key) or find(catalog, key)

    def render(self, feed: Feed, form: Format) -> Rendered:
        """The feed's bytes. Raises NoSuchFeed, StoreError."""
        return self.publisher.render(feed, form, self.clock())
