"""Which feeds does a story stand in, under which of its entries? Pure.

A feed is named ``all``, ``t:TOPIC``, ``k:KIND``, ``s:SOURCE NUMBER``, ``p`` (pinned) or ``u`` (without topic), and a
story stands at most once in each. In ``all``, ``p``, ``u`` and the topics of any of its members it stands as its
primary entry, at the earliest date of its members: a paper found after its press coverage takes the place the coverage
had instead of appearing as news again. In a kind's or a source's feed it stands as the best member of that kind or
source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

ALL = "all"
PINNED = "p"
UNTAGGED = "u"

KIND_RANK: Mapping[str, int] = {
    "research": 0, "trial-record": 0, "guideline": 0, "review": 0, "preprint": 1, "safety-alert": 1, "press-release": 2,
    "news": 3, "video": 4, "podcast": 4, "guide": 5, "opinion": 5, "provider": 6,
}  # fmt: skip
"""Paper before release before coverage."""


class Member(NamedTuple):
    """What placing an entry needs to know, editors' decisions applied."""

    number: int
    story: int
    source: int
    priority: int
    kind: str
    language: str | None
    sort_at: int
    visible: bool
    topics: frozenset[str]
    pinned: bool


class Place(NamedTuple):
    """A row of ``listing``: a story's place in one feed."""

    feed: str
    sort_at: int
    entry: int
    story: int
    source: int
    kind: str
    language: str | None

    @property
    def archived(self) -> bool:
        """Only whole-site and topic feeds have archives."""
        return self.feed == ALL or self.feed.startswith("t:")


def topic_feed(topic: str) -> str:
    return f"t:{topic}"


def kind_feed(kind: str) -> str:
    return f"k:{kind}"


def source_feed(number: int) -> str:
    return f"s:{number}"


def is_visible(
    *, active: bool, relevant: bool, policy: str, announced: bool, hidden: bool, pinned: bool, added: bool
) -> bool:
    """May an entry stand in public feeds?

    ``policy`` is the source's relevance (filter | all); ``added``: an editor gave the entry a topic. An editor's hide,
    pin or added topic is stronger than relevance and backfill; a source that left the file is never published.
    """
    if not active or hidden:
        return False
    return pinned or added or bool(announced and (relevant or policy == "all"))


def rank(member: Member) -> tuple[int, int, int, int]:
    """Sort key: the member that tells a story best comes first: source priority, kind, then the earliest."""
    return (-member.priority, KIND_RANK.get(member.kind, 3), member.sort_at, member.number)


def primary(members: Iterable[Member]) -> Member | None:
    """The visible member a story shows itself by; None when none may be shown."""
    return min((member for member in members if member.visible), key=rank, default=None)


def places(members: Sequence[Member]) -> list[Place]:
    """Every place of one story, given all its members; empty when none is visible."""
    if len(members) == 1:
        return _single(members[0]) if members[0].visible else []
    shown = sorted((member for member in members if member.visible), key=rank)
    if not shown:
        return []
    first = shown[0]
    when = min(member.sort_at for member in shown)
    topics = sorted({topic for member in shown for topic in member.topics})
    feeds = [ALL, *map(topic_feed, topics)]
    if not topics:
        feeds.append(UNTAGGED)
    if any(member.pinned for member in shown):
        feeds.append(PINNED)
    found = {feed: _place(feed, first, when) for feed in feeds}
    for member in shown:  # best first, so the first of a kind or source keeps the place
        at = when if member is first else member.sort_at
        for feed in (kind_feed(member.kind), source_feed(member.source)):
            found.setdefault(feed, _place(feed, member, at))
    return list(found.values())


def _single(member: Member) -> list[Place]:
    feeds = [ALL, kind_feed(member.kind), source_feed(member.source), *map(topic_feed, sorted(member.topics))]
    if not member.topics:
        feeds.append(UNTAGGED)
    if member.pinned:
        feeds.append(PINNED)
    return [_place(feed, member, member.sort_at) for feed in feeds]


def _place(feed: str, member: Member, when: int) -> Place:
    return Place(feed, when, member.number, member.story, member.source, member.kind, member.language)
