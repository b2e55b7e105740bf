from __future__ import annotations

from tests.store.making import ALL, DAY, HOUR, NOW, catalog, entry, save, source, tags, write

from ketfeed.model import FeedQuery
from ketfeed.store.archive import PAGE
from ketfeed.store.db import Store

PTSD = FeedQuery(topics=("ptsd",))


def ids(store: Store, page: int, query: FeedQuery = ALL) -> list[str]:
    return [one.entry.id for one in store.entries.archive_page(query, page)]


def fill(store: Store, first: int, last: int, at: int = 0) -> None:
    entries = [entry(number) for number in range(first, last + 1)]
    save(store, write(entries, [tags("ptsd") for _ in entries], at=NOW + at * HOUR))


def test_pages_close_when_full_and_hold_everything_once(empty: Store) -> None:
    empty.sources.sync(catalog(source(), backfill=1000), NOW)
    fill(empty, 1, PAGE - 1)
    assert empty.entries.archive(ALL) == (0, PAGE - 1)
    assert len(ids(empty, 1)) == PAGE - 1
    fill(empty, 1000, 1000 + 2 * PAGE, at=1)
    assert empty.entries.archive(ALL) == empty.entries.archive(PTSD) == (3, 0)
    pages = [ids(empty, page, PTSD) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [PAGE, PAGE, PAGE]
    assert len({one for page in pages for one in page}) == 3 * PAGE
    assert ids(empty, 4) == ids(empty, 0) == ids(empty, 99) == []


def test_a_closed_page_never_changes_whatever_comes_later(empty: Store) -> None:
    empty.sources.sync(catalog(source(), source("paper"), backfill=1000), NOW)
    fill(empty, 1, PAGE)
    before = ids(empty, 1)
    fill(empty, 2000, 2010, at=1)  # older than everything on the page
    fill(empty, -20, -1, at=30)  # newer
    save(
        empty,
        write([entry(3, title="Edited"), entry(4, published=NOW - 900 * DAY)], [tags("ptsd"), tags()], at=NOW + DAY),
    )
    other = entry(7, of="paper", canonical_link=entry(7).canonical_link, title=entry(7).title)
    save(empty, write([other], [tags("ptsd", kind="research")], of=source("paper", priority=5), at=NOW + DAY))
    assert ids(empty, 1) == before
    assert empty.entries.archive(ALL)[0] == 1
    fill(empty, 3000, 3000 + PAGE, at=40)
    assert ids(empty, 1) == before


def test_hidden_entries_leave_closed_pages(empty: Store) -> None:
    from ketfeed.model import Edit

    empty.sources.sync(catalog(source(), backfill=1000), NOW)
    fill(empty, 1, PAGE)
    empty.edits.add(Edit(entry_id=entry(3).id, action="hide", by="Ada", at=NOW, why="asked to"))
    assert entry(3).id not in ids(empty, 1)
    assert len(ids(empty, 1)) == PAGE - 1


def test_only_topics_and_the_whole_site_have_archives(empty: Store) -> None:
    empty.sources.sync(catalog(source(), backfill=1000), NOW)
    fill(empty, 1, PAGE)
    for query in (FeedQuery(sources=("news",)), FeedQuery(kinds=("news",)), FeedQuery(topics=("ptsd",), words="x")):
        assert empty.entries.archive(query) == (0, 0)
        assert ids(empty, 1, query) == []
