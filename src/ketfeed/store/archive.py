"""A feed's history in pages that stay as they are (RFC 5005 section 4).

Places are filed in the order in which they were listed, not by date, so that a page once full needs no entry moved into
it later: an old article found today lies on today's page. A page closes when ``PAGE`` places lie beyond the last closed
page; the pages after it are still open. A story that gets another primary keeps its place; what is hidden later is
missing from its page, which is the one change that must be allowed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, or_, select

from ketfeed.store.codec import dump
from ketfeed.store.schema import ARCHIVE_PAGE, FEED_VERSION, LISTING
from ketfeed.store.statements import insert_rows, plain_rows, rows_among

PAGE = 50  # entries on a page, as many as a feed shows


def close_pages(connection: Connection, feeds: Collection[str], now: int) -> None:
    """Close every full page of the feeds given, which have their version; in the transaction that changed them."""
    archived = [feed for feed in feeds if feed == "all" or feed.startswith("t:")]
    if not archived:
        return
    for feed in sorted(feed for (feed,) in rows_among(connection, _FULL, archived)):
        page, seq, story = last_closed(connection, feed)
        while True:
            places = plain_rows(connection, _PAGE_BEYOND, {"feed": feed, "seq": seq, "story": story})
            if len(places) < PAGE:
                break
            _, _, seq, story = places[-1]
            page += 1
            insert_rows(connection, ARCHIVE_PAGE, _ROW, [(feed, page, seq, story, now, dump(newest_first(places)))])


_ROW = ("feed", "page", "seq", "story", "closed_at", "entries")


def last_closed(connection: Connection, feed: str) -> tuple[int, int, int]:
    """(page, seq, story) of the newest closed page; (0, -1, 0) when none is."""
    rows = plain_rows(connection, _LAST, {"feed": feed})
    return rows[0] if rows else (0, -1, 0)


def page_entries(connection: Connection, feed: str, page: int) -> list[int]:
    """Entry numbers of a page, newest first; page ``closed + 1`` is the open one. Empty when there is no such page."""
    text = select(ARCHIVE_PAGE.c.entries).where(ARCHIVE_PAGE.c.feed == feed, ARCHIVE_PAGE.c.page == page)
    closed: str | None = connection.execute(text).scalar_one_or_none()
    if closed is not None:
        return list(json.loads(closed))
    last, seq, story = last_closed(connection, feed)
    return (
        newest_first(plain_rows(connection, _BEYOND, {"feed": feed, "seq": seq, "story": story}))
        if page == last + 1
        else []
    )


def newest_first(places: Sequence[Sequence[int]]) -> list[int]:
    """Entries of places given as rows of _BEYOND."""
    return [entry for _, entry in sorted([(sort_at, entry) for entry, sort_at, _, _ in places], reverse=True)]


_LAST = (
    select(ARCHIVE_PAGE.c.page, ARCHIVE_PAGE.c.seq, ARCHIVE_PAGE.c.story)
    .where(ARCHIVE_PAGE.c.feed == bindparam("feed"))
    .order_by(ARCHIVE_PAGE.c.page.desc())
    .limit(1)
)
_SEQ: BindParameter[int] = bindparam("seq")
_STORY: BindParameter[int] = bindparam("story")
_BEYOND = (
    select(LISTING.c.entry, LISTING.c.sort_at, LISTING.c.seq, LISTING.c.story)
    .where(
        LISTING.c.feed == bindparam("feed"),
        LISTING.c.seq.is_not(None),
        LISTING.c.seq >= _SEQ,
        or_(LISTING.c.seq > _SEQ, and_(LISTING.c.seq == _SEQ, LISTING.c.story > _STORY)),
    )
    .order_by(LISTING.c.seq, LISTING.c.story)
)
"""Places listed after a point, in the order listed."""
_PAGE_BEYOND = _BEYOND.limit(PAGE)
_NEWEST = ARCHIVE_PAGE.alias("newest")
_CLOSED = ARCHIVE_PAGE.alias("closed")
_LAST_PAGE = select(func.max(_NEWEST.c.page)).where(_NEWEST.c.feed == FEED_VERSION.c.feed).scalar_subquery()
_AMONG: BindParameter[str] = bindparam("among", expanding=True)
_FULL = (
    select(FEED_VERSION.c.feed)
    .outerjoin(_CLOSED, and_(_CLOSED.c.feed == FEED_VERSION.c.feed, _CLOSED.c.page == _LAST_PAGE))
    .join(
        LISTING,
        and_(
            LISTING.c.feed == FEED_VERSION.c.feed,
            LISTING.c.seq.is_not(None),
            LISTING.c.seq >= func.coalesce(_CLOSED.c.seq, -1),
            or_(LISTING.c.seq > func.coalesce(_CLOSED.c.seq, -1), LISTING.c.story > _CLOSED.c.story),
        ),
    )
    .where(FEED_VERSION.c.feed.in_(_AMONG))
    .group_by(FEED_VERSION.c.feed)
    .having(func.count() >= PAGE)
)
"""Feeds with a page's worth of places after their last closed page: one question instead of two for each feed."""
_COUNT_BEYOND = select(func.count()).select_from(_BEYOND.subquery())


def count_open(connection: Connection, feed: str) -> int:
    """How many places lie beyond the last closed page."""
    _, seq, story = last_closed(connection, feed)
    return int(connection.execute(_COUNT_BEYOND, {"feed": feed, "seq": seq, "story": story}).scalar_one())
