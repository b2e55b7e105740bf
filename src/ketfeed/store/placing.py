"""Keeps ``listing`` true: whatever changed about some stories, their places in feeds are worked out anew.

Everything that can change what is public ends here: a new or edited entry, new rules, an editor's decision, a source
that left the file. Cost follows the number of stories given, never the number of stored entries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from ketfeed.store.decisions import UNDECIDED, decided, edits_of
from ketfeed.store.listing import Member, Place, is_visible, places
from ketfeed.store.meta import run_many
from ketfeed.store.schema import ENTRY, LISTING, MATCH, SOURCE

Changed = Counter[str]
"""Feeds that show something else now → places won or lost; 0: other things in the same places."""

CHUNK = 400  # stories per question: far under every database's limit of parameters


def relist(connection: Connection, stories: Collection[int], seq: int, touched: Collection[int] = ()) -> Changed:
    """Work out the places of some stories anew and write what differs.

    ``seq`` is the version being written: new places in archived feeds remember it. ``touched`` are entries whose
    public face changed: every feed that shows one counts as changed.
    """
    changed = Changed()
    ordered = sorted(stories)
    for start in range(0, len(ordered), CHUNK):
        changed.update(_relist(connection, ordered[start : start + CHUNK], seq, frozenset(touched)))
    return changed


def _relist(connection: Connection, stories: Sequence[int], seq: int, touched: frozenset[int]) -> Changed:
    members: dict[int, list[Member]] = defaultdict(list)
    for member in load_members(connection, stories):
        members[member.story].append(member)
    before: dict[tuple[int, str], tuple[Place, int | None]] = {}
    for row in connection.execute(_PLACES, {"stories": list(stories)}):
        place = Place(row.feed, row.sort_at, row.entry, row.story, row.source, row.kind, row.language)
        before[row.story, row.feed] = (place, row.seq)
    after = {(story, place.feed): place for story in stories for place in places(members[story])}
    gone = [place for key, (place, _) in before.items() if after.get(key) != place]
    fresh = [place for key, place in after.items() if key not in before or before[key][0] != place]
    if gone:
        run_many(
            connection,
            _DELETE_PLACE,
            [{"at_feed": one.feed, "at_sort": one.sort_at, "at_entry": one.entry} for one in gone],
        )
    if fresh:
        kept = {key: seq_before for key, (_, seq_before) in before.items()}
        run_many(
            connection, INSERT_PLACE, [place_columns(one, kept.get((one.story, one.feed)) or seq) for one in fresh]
        )
    changed = Changed(one.feed for one in fresh)
    changed.subtract(one.feed for one in gone)
    if touched:
        near = {member.story for group in members.values() for member in group if member.number in touched}
        changed.update({feed: 0 for story, feed in after if story in near})
    return changed


INSERT_PLACE = insert(LISTING)
_DELETE_PLACE = delete(LISTING).where(
    LISTING.c.feed == bindparam("at_feed"),
    LISTING.c.sort_at == bindparam("at_sort"),
    LISTING.c.entry == bindparam("at_entry"),
)
_PLACES = select(LISTING).where(LISTING.c.story.in_(bindparam("stories", expanding=True)))
_TOPICS = select(MATCH.c.entry, MATCH.c.topic).where(MATCH.c.entry.in_(bindparam("numbers", expanding=True)))


def place_columns(place: Place, seq: int) -> dict[str, Any]:
    """A row of ``listing``."""
    return {
        "feed": place.feed,
        "sort_at": place.sort_at,
        "entry": place.entry,
        "story": place.story,
        "source": place.source,
        "kind": place.kind,
        "language": place.language,
        "seq": seq if place.archived else None,
    }


_MEMBERS = (
    select(
        ENTRY.c.number, ENTRY.c.story, ENTRY.c.source, ENTRY.c.kind, ENTRY.c.language, ENTRY.c.sort_at,
        ENTRY.c.relevant, ENTRY.c.announced, ENTRY.c.edited, SOURCE.c.active, SOURCE.c.priority,
        SOURCE.c.relevance.label("policy"),
    )
    .join(SOURCE, SOURCE.c.number == ENTRY.c.source)
    .where(ENTRY.c.story.in_(bindparam("stories", expanding=True)))
    .order_by(ENTRY.c.number)
)  # fmt: skip


def load_members(connection: Connection, stories: Sequence[int]) -> list[Member]:
    """All entries of some stories, editors' decisions applied, by entry number."""
    rows = connection.execute(_MEMBERS, {"stories": list(stories)}).all()
    topics: dict[int, set[str]] = defaultdict(set)
    numbers = [row.number for row in rows]
    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        for entry, topic in connection.execute(_TOPICS, {"numbers": part}):
            topics[entry].add(topic)
    edits = edits_of(connection, [row.number for row in rows if row.edited])
    members = []
    for row in rows:
        said = decided(edits[row.number]) if row.number in edits else UNDECIDED
        mine = (topics[row.number] - said.removed) | {topic for topic, _ in said.added}
        members.append(
            Member(
                number=row.number,
                story=row.story,
                source=row.source,
                priority=row.priority,
                kind=said.kind or row.kind,
                language=row.language,
                sort_at=row.sort_at,
                visible=is_visible(
                    active=row.active, relevant=row.relevant, policy=row.policy, announced=row.announced,
                    hidden=said.hidden, pinned=said.pinned, added=bool(said.added),
                ),
                topics=frozenset(mine),
                pinned=said.pinned,
            )
        )  # fmt: skip
    return members
