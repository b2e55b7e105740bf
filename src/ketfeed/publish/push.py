"""WebSub (https://www.w3.org/TR/websub/): which of our feeds show something else since we last looked.

Nothing here speaks to a hub; ``run/notify.py`` sends what ``changed`` returns.
"""

from __future__ import annotations

from ketfeed.publish.document import FORMATS
from ketfeed.publish.feeds import Publisher
from ketfeed.publish.select import Feed, listed


class Push:
    """Remembers what every listed feed showed at the last look; the first look is the baseline."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._seen: dict[str, object] | None = None
        self._version = -1

    def changed(self) -> list[str]:
        """Addresses, in every format, of the feeds that changed since the last call. Raises StoreError."""
        version = self._publisher.store.version()
        if self._seen is not None and version == self._version:
            return []
        feeds = listed(self._publisher.catalog)
        shown = {feed.base: self._shown(feed) for feed in feeds}
        before, self._seen, self._version = self._seen, shown, version
        if before is None:
            return []
        return [
            self._publisher.base_url + feed.path(form)
            for feed in feeds
            if shown[feed.base] != before.get(feed.base)
            for form in FORMATS
        ]

    def _shown(self, feed: Feed) -> object:
        entries = self._publisher.store.entries
        found = entries.feed_version(feed.query)
        if found is not None:
            return found.version
        cap = self._publisher.catalog.site.max_per_source
        return tuple((one.public_id, one.changed_at) for one in entries.select(feed.query, max_per_source=cap))
