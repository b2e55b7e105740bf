"""Which entries tell the same story: the same event, paper, trial record or announcement.

    new entry ─▶ story_keys     what to look up: identifiers and links (exact); its events, rare words, minhashes (near)
    store     ─▶ candidates     entries that share a key; an index lookup, so the cost does not grow with the store
              ─▶ best_story     join which story, and why

Two entries are one story when something says so and nothing speaks against it (story_rules.py). Joining a story needs
one member that agrees and no member that contradicts (of four or more one may doubt), so that chains of half-alike
reports do not run together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

from ketfeed.model import Entry, Tagging
from ketfeed.topics.frequent import share
from ketfeed.topics.sketch import Sketch, minhashes
from ketfeed.topics.story_events import DRUGS, ROLES
from ketfeed.topics.story_rules import WINDOW, Report, Verdict, compare, report

S = TypeVar("S", str, int)
"""How somebody names stories."""

__all__ = [
    "NEAR_KEYS",
    "WINDOW",
    "StoryKeys",
    "best_story",
    "cluster",
    "story_keys",
]

NEAR_KEYS = 12

MOST_EVENTS = 4
"""Events of a title that are keys, in place of as many minhashes."""

MOST_NAMES = 2
MOST_WORDS = 3
"""Rare names and words that are keys too. With them as many keys find more of what evidence joins, and less chance."""

_GENERAL = DRUGS | ROLES

MOST_HOLDERS = 300
"""Entries of one file that may share a near key; beyond it the key is chance and comparing them all takes too long."""


@dataclass(frozen=True, slots=True)
class StoryKeys:
    """What to look up to find an entry's possible companions; all short strings."""

    exact: tuple[str, ...] = ()  # identifiers and canonical links: looked up without a time bound
    near: tuple[str, ...] = ()  # at most NEAR_KEYS: looked up within WINDOW of the sort date


def story_keys(entry: Entry, tagging: Tagging, ready: Report | None = None) -> StoryKeys:
    """What to look up for an entry, and to store so that later entries find it. ``ready``: its report, if made."""
    made = ready or report(entry, tagging)
    exact = tuple(key[:300] for key in made.keys)
    return StoryKeys(exact, near_keys(made))


def _by_subject(event: str, title: frozenset[str]) -> tuple[bool, bool, str]:
    """Drugs and roles before names, those of the title first: the lead has many words that look like names."""
    subject = event.partition(" ")[2]
    return subject not in _GENERAL, subject not in title, event


def near_keys(made: Report) -> tuple[str, ...]:
    """The whole title, its events and rare words, and minhashes of the concepts: what reports of one event share."""
    first = [f"t:{made.marks.title[:60]}"] if made.marks.title else []
    events = sorted(made.marks.events, key=lambda event: _by_subject(event, made.sketch.title))
    told = [*events, *sorted(made.marks.findings), *sorted(made.marks.samples)]
    first += [f"e:{event}"[:40] for event in told[:MOST_EVENTS]]
    first += [f"w:{word}"[:40] for word in _rare_words(made.sketch)]
    return (*first, *minhashes(made.sketch, NEAR_KEYS - len(first)))


def _rare_words(made: Sketch) -> list[str]:
    """Names that hardly any other report has, and such words of the title; of many the same ones in every report."""
    names = sorted(filter(_is_rare, made.names), key=lambda name: (name not in made.title, _chance(name)))[:MOST_NAMES]
    words = filter(_is_rare, made.title - frozenset(names))
    return names + sorted(words, key=_chance)[:MOST_WORDS]


def _is_rare(concept: str) -> bool:
    return share(concept) == 1.0


def _chance(word: str) -> tuple[int, str]:
    return crc32(word.encode()), word


def best_story(mine: Report, stories: Mapping[S, Sequence[Report]]) -> tuple[S, Verdict] | None:
    """The story with the strongest agreeing member and hardly a contradicting one, by name or number, and why.

    ``stories``: the reports of each one's members. None: a story of its own. Of equally good ones the first.
    """
    best: tuple[float, S, Report] | None = None
    for story in sorted(stories):
        found = _join(mine, stories[story])
        if found is not None and (best is None or found[0] > best[0]):
            best = (found[0], story, found[1])
    return None if best is None else (best[1], compare(mine, best[2]))


def _join(mine: Report, members: Sequence[Report]) -> tuple[float, Report] | None:
    """The member that agrees most and how strongly; None when none agrees or too many contradict."""
    strongest: tuple[float, Report] | None = None
    doubts = 0
    for other in members:
        verdict = compare(mine, other, words=False)
        if verdict.against:
            doubts += 1
            if not verdict.doubt or doubts > _bearable(len(members), 1):
                return None
        if verdict.same and (strongest is None or verdict.score > strongest[0]):
            strongest = (verdict.score, other)
    return strongest


def cluster(reports: Sequence[Report]) -> list[list[int]]:
    """Groups of indices that are one story each, for a file of entries; the order of the entries does not matter.

    Strongest agreements first (so a chain cannot capture a member that fits better elsewhere); two groups merge only
    when no pair across them contradicts, or one in four of a group that has four, and those by a word or a figure.
    """
    pairs: list[tuple[float, int, int]] = []
    against: dict[tuple[int, int], Verdict] = {}
    for one, other in _candidate_pairs(reports):
        verdict = compare(reports[one], reports[other], words=False)
        if verdict.against:
            against[one, other] = verdict
        elif verdict.same:
            pairs.append((verdict.score, one, other))
    order = sorted(pairs, key=lambda pair: (-pair[0], *sorted((reports[pair[1]].id, reports[pair[2]].id))))
    group = {index: [index] for index in range(len(reports))}
    for _, one, other in order:
        left, right = group[one], group[other]
        if left is right or _contradict(left, right, against, reports):
            continue
        merged = left + right
        for index in merged:
            group[index] = merged
    seen: set[int] = set()
    groups: list[list[int]] = []
    for index in range(len(reports)):
        if index not in seen:
            members = sorted(group[index])
            seen.update(members)
            groups.append(members)
    return groups


def _contradict(
    left: Sequence[int], right: Sequence[int], known: dict[tuple[int, int], Verdict], reports: Sequence[Report]
) -> bool:
    """Whether two groups speak against each other. ``known``: what is known of pairs that contradict."""
    doubts = 0
    for one in left:
        for other in right:
            pair = (one, other) if one < other else (other, one)
            verdict = known.get(pair) or compare(reports[one], reports[other], words=False)
            if verdict.against:
                doubts += 1
                if not verdict.doubt or doubts > _bearable(len(left), len(right)):
                    return True
    return False


def _bearable(left: int, right: int) -> int:
    """How many doubts between the members of two groups are borne: of many outlets one has another figure."""
    return left * right // 4 if max(left, right) >= 4 else 0


def _candidate_pairs(reports: Sequence[Report]) -> list[tuple[int, int]]:
    """Pairs that share a key, as the store would find them. A near key that very many share says nothing."""
    exact: dict[str, list[int]] = {}
    near: dict[str, list[int]] = {}
    for index, made in enumerate(reports):
        for holders, keys in ((exact, made.keys), (near, near_keys(made))):
            for key in keys:
                holders.setdefault(key, []).append(index)
    groups = [*exact.values(), *(indices for indices in near.values() if len(indices) <= MOST_HOLDERS)]
    seen = {
        (one, other) for indices in groups for position, one in enumerate(indices) for other in indices[position + 1 :]
    }
    return sorted(seen)
