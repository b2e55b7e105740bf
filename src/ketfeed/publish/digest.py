"""Digests: one item for the last finished day or week of a feed, its stories ranked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid5

from ketfeed.model import Catalog
from ketfeed.publish.document import Item, Name, Origin
from ketfeed.publish.items import PLAUSIBLE, Place
from ketfeed.publish.items import item as item_of
from ketfeed.publish.select import FEED_NAMESPACE, Feed
from ketfeed.publish.wording import escape, escape_attribute, plain
from ketfeed.store.records import StoredEntry

STORIES = 50  # told in one digest

DAYS = {"daily": 1, "weekly": 7}


class Desk(Protocol):
    """What a digest asks of the publisher."""

    catalog: Catalog
    base_url: str
    place: Place

    def newest_before(self, feed: Feed, until: datetime) -> Sequence[StoredEntry]: ...

    def between(self, feed: Feed, since: datetime, until: datetime) -> Sequence[StoredEntry]: ...


def start_of(view: str, moment: datetime) -> datetime:
    """The start of the day (UTC), or of the week (Monday), that a moment lies in."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday()) if view == "weekly" else day


def period_of(feed: Feed, now: datetime) -> datetime | None:
    """The start of the period that is still running; None for feeds that are no digest."""
    return start_of(feed.view, now) if feed.view in DAYS else None


def items(feed: Feed, desk: Desk, now: datetime) -> list[Item]:
    """One item: the last finished period that had a story; none when there never was one, or before PLAUSIBLE."""
    running = start_of(feed.view, now)
    newest = desk.newest_before(feed, running)
    if not newest:
        return []
    since = start_of(feed.view, newest[0].sort_at)
    until = since + timedelta(days=DAYS[feed.view])
    if until.year < PLAUSIBLE:
        return []
    return [_item(feed, desk, since, until, ranked(desk.between(feed, since, until)))]


def ranked(stored: Sequence[StoredEntry]) -> list[StoredEntry]:
    """Pinned first, then those with the most reports, then the strongest match, then the newest."""

    def rank(one: StoredEntry) -> tuple[bool, int, float, datetime, str]:
        score = max((match.score for match in one.tagging.matches), default=0.0)
        return (one.pinned, len(one.also), score, one.sort_at, one.entry.id)

    return sorted(stored, key=rank, reverse=True)


def _item(feed: Feed, desk: Desk, since: datetime, until: datetime, stories: Sequence[StoredEntry]) -> Item:
    day = f"{since.day} {since:%B %Y}"
    last = until - timedelta(days=1)
    span = day if feed.view == "daily" else f"week of {day} to {last.day} {last:%B %Y}"
    count = f"{len(stories)} {'story' if len(stories) == 1 else 'stories'}"
    told = [item_of(one, desk.place) for one in stories[:STORIES]]
    site = plain(desk.catalog.site.title) or "ketfeed"
    home = f"{desk.base_url}/"
    return Item(
        id=f"urn:uuid:{uuid5(FEED_NAMESPACE, f'{feed.key} {since:%Y-%m-%d}')}",
        title=f"{feed.name}, {span}: {count}",
        url=f"{desk.base_url}{feed.page}",
        page=f"{desk.base_url}{feed.page}",
        published=until,
        updated=max([until, *(one.updated for one in told)]),
        authors=(Name(site, home),),
        summary=f"{count}: " + "; ".join(one.title for one in told[:5]) + ("; …" if len(told) > 5 else "."),
        content="<ol>" + "".join(_line(one) for one in told) + "</ol>",
        kind="digest",
        origin=Origin("ketfeed", site, home, f"{desk.base_url}{feed.path('atom')}", feed.id),
    )


def _line(one: Item) -> str:
    reports = f" · {len(one.also) + 1} reports" if one.also else ""
    return (
        f'<li><p><a href="{escape_attribute(one.url)}">{escape(one.title)}</a><br>'
        f"{escape(one.summary)}<br><small>{escape(one.origin.title)}, {one.published.day} {one.published:%B %Y}"
        f"{reports}</small></p></li>"
    )
