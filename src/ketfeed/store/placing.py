"""Keeps ``listing`` true: whatever changed about some stories, their places in feeds are worked out anew.

Everything that can change what is public ends here: a new or edited entry, new rules, an editor's decision, a source
that left the file. Cost follows the number of stories given, never the number of stored entries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from ketfeed.store.decisions import UNDECIDED, decided, edits_of
from ketfeed.store.listing import Member, Place, is_visible, places
from ketfeed.store.schema import ENTRY, LISTING, MATCH, SOURCE
from ketfeed.store.statements import insert_rows, rows_among, run_many

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
    for *columns, seq_before in rows_among(connection, _PLACES, stories):
        place = Place(*columns)
        before[place.story, place.feed] = (place, seq_before)
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
        add_places(connection, [(one, kept.get((one.story, one.feed)) or seq) for one in fresh])
    changed = Changed(one.feed for one in fresh)
    changed.subtract(one.feed for one in gone)
    if touched:
        near = {member.story for group in members.values() for member in group if member.number in touched}
        changed.update({feed: 0 for story, feed in after if story in near})
    return changed


_DELETE_PLACE = delete(LISTING).where(
    LISTING.c.feed == bindparam("at_feed"),
    LISTING.c.sort_at == bindparam("at_sort"),
    LISTING.c.entry == bindparam("at_entry"),
)
_PLACE_ROW = ("feed", "sort_at", "entry", "story", "source", "kind", "language", "seq")
_AMONG: BindParameter[int] = bindparam("among", expanding=True)
_PLACES = select(*(LISTING.c[name] for name in _PLACE_ROW)).where(LISTING.c.story.in_(_AMONG))
_TOPICS = select(MATCH.c.entry, MATCH.c.topic).where(MATCH.c.entry.in_(_AMONG))


def add_places(connection: Connection, fresh: Sequence[tuple[Place, int]]) -> None:
    """Write places, each with the version that listed it."""
    insert_rows(connection, LISTING, _PLACE_ROW, [(*place, seq if place.archived else None) for place, seq in fresh])


_MEMBERS = (
    select(
        ENTRY.c.number, ENTRY.c.edited, ENTRY.c.story, ENTRY.c.source, ENTRY.c.kind, ENTRY.c.language, ENTRY.c.sort_at,
        ENTRY.c.relevant, ENTRY.c.announced, SOURCE.c.active, SOURCE.c.priority, SOURCE.c.relevance,
    )
    .join(SOURCE, SOURCE.c.number == ENTRY.c.source)
    .where(ENTRY.c.story.in_(_AMONG))
    .order_by(ENTRY.c.number)
)  # fmt: skip


def load_members(connection: Connection, stories: Sequence[int]) -> list[Member]:
    """All entries of some stories, editors' decisions applied, by entry number."""
    rows = rows_among(connection, _MEMBERS, stories)
    topics: dict[int, set[str]] = defaultdict(set)
    for entry, topic in rows_among(connection, _TOPICS, [row[0] for row in rows]):
        topics[entry].add(topic)
    edits = edits_of(connection, [number for number, edited, *_ in rows if edited])
    members = []
    for number, _, story, source, kind, language, sort_at, relevant, announced, active, priority, policy in rows:
        said = decided(edits[number]) if number in edits else UNDECIDED
        members.append(
            Member(
                number=number,
                story=story,
                source=source,
                priority=priority,
                kind=said.kind or kind,
                language=language,
                sort_at=sort_at,
                visible=is_visible(
                    active=active, relevant=relevant, policy=policy, announced=announced,
                    hidden=said.hidden, pinned=said.pinned, added=bool(said.added),
                ),
                topics=frozenset((topics[number] - said.removed) | {topic for topic, _ in said.added}),
                pinned=said.pinned,
            )
        )  # fmt: skip
    return members
