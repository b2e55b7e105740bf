"""What other rules change about a stored entry, as the tables will have it. Pure: worked out where it was tagged.

    Tagged, Tagging ─▶ retagged  ═▶ (to the writer's process) ═▶ Tags.apply
                    ─▶ differing ═▶ (to whoever shows it)

Only what differs is handed on, in plain values: taggings as objects cost more to hand from one process to another than
to make.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, cast

from ketfeed.model import Entry, EntryKind, Tagging, TopicMatch
from ketfeed.store.codec import TagColumns, tag_columns
from ketfeed.store.decisions import Decided, overrule
from ketfeed.store.keys import Clue, clue
from ketfeed.store.records import TagChange, Tagged


class Retagged(NamedTuple):
    """An entry of which the rules say something else than is stored."""

    number: int
    content_hash: bytes  # an entry that changed meanwhile has another one and is left alone
    id: str
    title: str
    link: str | None
    source_id: str
    before: TagColumns  # without reasons
    after: TagColumns
    clue: Clue | None  # to its story, when it was nobody's business before


class Differing(NamedTuple):
    """The same for a person: the entry without its large texts, and both taggings with their reasons."""

    entry: Entry
    before: Tagging
    after: Tagging


def retagged(one: Tagged, tagging: Tagging) -> Retagged | None:
    """What a new tagging changes in the tables; None when it is what is stored."""
    before, after = one.tags, tag_columns(tagging)
    if before == after:
        return None
    newly = after.relevant and not before.relevant and one.source.relevance != "all"
    return Retagged(
        number=one.number,
        content_hash=one.content_hash,
        id=one.entry.id,
        title=one.entry.title,
        link=one.entry.link,
        source_id=one.source.id,
        before=TagColumns(
            before.relevant,
            before.kind,
            "{}",
            tuple([(topic, at, score, "") for topic, at, score, _ in before.matches]),
        ),
        after=after,
        clue=clue(one.entry, tagging, one.sort_at) if newly else None,
    )


def all_retagged(pairs: Iterable[tuple[Tagged, Tagging]]) -> list[Retagged]:
    """The same for several entries; those that stay as they are are left out."""
    return [made for one, tagging in pairs if (made := retagged(one, tagging)) is not None]


def differing(one: Tagged, tagging: Tagging) -> Differing | None:
    """Both taggings, when they differ at all."""
    if one.tags == tag_columns(tagging):
        return None
    light = replace(one.entry, summary="", content="", text="", excerpt="")
    return Differing(light, one.tagging, tagging)


def change_of(one: Retagged, said: Decided) -> TagChange | None:
    """What a reader would call a change, editors' decisions applied; None when only reasons moved."""
    before, after = _outline(one.before, said), _outline(one.after, said)
    had = {match.topic for match in before.matches}
    has = {match.topic for match in after.matches}
    if had == has and before.relevant == after.relevant and before.kind == after.kind:
        return None
    return TagChange(
        id=one.id,
        title=one.title,
        link=one.link,
        source_id=one.source_id,
        added=tuple(match.topic for match in after.matches if match.topic not in had),
        removed=tuple(match.topic for match in before.matches if match.topic not in has),
        relevant=after.relevant if before.relevant != after.relevant else None,
        kind=(before.kind, after.kind) if before.kind != after.kind else None,
    )


def _outline(tags: TagColumns, said: Decided) -> Tagging:
    matches = tuple([TopicMatch(topic, ()) for topic, _, _, _ in tags.matches])
    kind = cast("EntryKind", tags.kind)
    return overrule(Tagging(matches=matches, relevant=tags.relevant, kind=kind), said)
