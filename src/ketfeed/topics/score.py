"""How much a place in an entry counts, and which topics pass their threshold. Pure arithmetic on hits.

    place counts   term weight × field weight × position × list × side remark × boilerplate
    topic scores   sum over its places, a repeated term counting 1, 1/2, 1/3 ...
    topic matches  when the score reaches the threshold and one of its required phrases stands in the entry

The factors are few and fixed so that an editor can follow the sum in ``ketfeed explain``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ketfeed.model import EntryKind, Field, Reason, TopicMatch
from ketfeed.topics.rules import CompiledRule, CompiledRules, CompiledTerm, Contexts
from ketfeed.topics.terms import FoldedText

Place = tuple[int, int, int]
"""Number of the text, folded start, folded end."""

Hits = dict[int, list[Place]]
"""Phrase number → where it stands."""

NEAR = 160
"""Characters within which a phrase is near a term: about two sentences."""

LEAD = 600
"""Characters of a summary that count in full; an abstract's or article's first paragraph."""

LIST_GAP = 40
"""Characters between two indications of one list: ", and treatment-resistant " fits."""

LIST_FACTOR = 0.3
ASIDE_REACH = 90
ASIDE_FACTOR = 0.3
BOILERPLATE_FACTOR = 0.1
REGEX_SECONDS = 0.05
MAX_REASONS = 8


@dataclass(slots=True)
class Text:
    """One text of an entry and the field it belongs to."""

    field: Field
    folded: FoldedText
    leads: bool = False  # a content without a summary: its first paragraph counts as one


@dataclass(slots=True)
class Occurrence:
    """A term that counts at a place."""

    term: CompiledTerm
    text: int
    start: int
    end: int
    weight: float = 0.0
    listed: bool = False


def _near(place: Place, others: list[Place], texts: list[Text]) -> bool:
    """Whether one of ``others`` stands near ``place``. The title is near everything up to the lead of a text."""
    text, start, end = place
    in_title = texts[text].field == "title"
    for other, other_start, other_end in others:
        if other == text:
            if other_start - end <= NEAR and start - other_end <= NEAR:
                return True
        elif (in_title and other_start <= LEAD) or (texts[other].field == "title" and start <= LEAD):
            return True
    return False


def _cancelled(unless: Contexts, place: Place, hits: Hits, texts: list[Text]) -> bool:
    """Whether a phrase covers the place or, for phrases that do not hold the term, stands near it.

    A covering phrase in the title says what the word means in the rest: after "Tropical depression forms" the
    summary's "the depression" is the same one.
    """
    text, start, end = place
    for phrase in unless.covering & hits.keys():
        for other, other_start, other_end in hits[phrase]:
            if other == text:
                if other_start <= start + 1 and other_end >= end - 1:
                    return True
            elif texts[other].field == "title":
                return True
    return any(_near(place, hits[phrase], texts) for phrase in unless.nearby & hits.keys())


def _holds(term: CompiledTerm, place: Place, hits: Hits, texts: list[Text], language: str) -> bool:
    """Whether the conditions of a term hold at a place."""
    if texts[place[0]].field not in term.fields:
        return False
    if term.languages and language not in term.languages:
        return False
    if term.near and not any(_near(place, hits[phrase], texts) for phrase in term.near & hits.keys()):
        return False
    return not (term.unless and _cancelled(term.unless, place, hits, texts))


def _occurrences(rules: CompiledRules, texts: list[Text], hits: Hits, language: str) -> dict[int, list[Occurrence]]:
    """Rule number → its terms' places that count, each place once for the longest term there."""
    found: dict[int, list[Occurrence]] = {}
    present = hits.keys()
    open_rules = [not rule.requires or not rule.requires.isdisjoint(present) for rule in rules.rules]
    hidden = [text.field in ("link", "source") for text in texts]
    for phrase, places in hits.items():
        for term in rules.terms[phrase]:
            if not open_rules[term.rule]:
                continue
            unless = rules.rules[term.rule].unless
            for place in places:
                counts = not hidden[place[0]] if term.plain else _holds(term, place, hits, texts, language)
                if counts and not (unless and _cancelled(unless, place, hits, texts)):
                    found.setdefault(term.rule, []).append(Occurrence(term, *place))
    for term in rules.regexes:
        if open_rules[term.rule]:
            for place in _regex_places(term, texts):
                if _holds(term, place, hits, texts, language):
                    found.setdefault(term.rule, []).append(Occurrence(term, *place))
    return {rule: _longest(occurrences) for rule, occurrences in found.items()}


def _regex_places(term: CompiledTerm, texts: list[Text]) -> list[Place]:
    """Where a regular expression is found in the original text, as folded places; nothing when it takes too long."""
    places: list[Place] = []
    assert term.pattern is not None  # noqa: S101  # only regex terms come here
    for number, text in enumerate(texts):
        if text.field not in term.fields:
            continue
        try:
            for match in term.pattern.finditer(text.folded.original, timeout=REGEX_SECONDS):
                start = len(FoldedText(text.folded.original[: match.start()]).text) - 1
                end = len(FoldedText(text.folded.original[: match.end()]).text)
                places.append((number, start, max(end, start + 2)))
        except TimeoutError:
            continue
    return places


def _longest(occurrences: list[Occurrence]) -> list[Occurrence]:
    """Without the places that lie inside a longer one of the same rule."""
    if len(occurrences) < 2:
        return occurrences
    occurrences.sort(key=lambda one: (one.text, one.start, -one.end))
    kept: list[Occurrence] = []
    last: Occurrence | None = None
    for one in occurrences:
        if last is not None and one.text == last.text and one.end <= last.end:
            if one.start == last.start and one.end == last.end and abs(one.term.weight) > abs(last.term.weight):
                kept[-1] = last = one
            continue
        kept.append(one)
        last = one
    return kept


def _mark_lists(rules: CompiledRules, found: dict[int, list[Occurrence]]) -> list[list[Occurrence]]:
    """Mark indications that stand in a list of many; returns the lists."""
    indications = [
        one
        for rule, occurrences in found.items()
        if rules.rules[rule].indication
        for one in occurrences
        if one.term.weight >= 0.5  # hints are not indications
    ]
    if len(indications) < rules.gathers:
        return []
    indications.sort(key=lambda one: (one.text, one.start))
    lists: list[list[Occurrence]] = []
    run: list[Occurrence] = []
    for one in [*indications, None]:
        if one and run and one.text == run[-1].text and one.start - run[-1].end <= LIST_GAP:
            run.append(one)
            continue
        if len({member.term.rule for member in run}) >= rules.gathers:
            lists.append(run)
        run = [one] if one else []
    for members in lists:
        for member in members:
            member.listed = True
    return lists


def _place_factor(rules: CompiledRules, text: Text, start: int) -> float:
    """Field weight × position: later places of a text count less, those of a long content even less."""
    weights = rules.weights
    name = text.field
    if name == "summary" or (name == "content" and text.leads and start <= LEAD):
        factor = weights["summary"]
        return factor if start <= LEAD else factor * (0.5 if start <= 3 * LEAD else 0.25)
    if name == "content":
        share = min(1.0, math.sqrt(4000 / max(1, len(text.folded.text))))
        return weights["content"] * share * (1.0 if start <= LEAD else 0.75)
    return weights[name]


def _weigh(
    rules: CompiledRules, rule: CompiledRule, occurrences: list[Occurrence], texts: list[Text], hits: Hits
) -> float:
    """Give every occurrence its weight; returns the sum."""
    asides = [place for phrase in rules.asides & hits.keys() for place in hits[phrase]] if rule.indication else []
    endings = [place for phrase in rules.boilerplate & hits.keys() for place in hits[phrase]]
    total: float = 0.0
    for one in occurrences:
        text = texts[one.text]
        weight = one.term.weight * _place_factor(rules, text, one.start)
        if one.listed:
            weight *= LIST_FACTOR
        if asides and any(t == one.text and 0 <= one.start - end + 1 <= ASIDE_REACH for t, _, end in asides):
            weight *= ASIDE_FACTOR
        if endings and text.field != "title" and any(t == one.text and start <= one.start for t, start, _ in endings):
            weight *= BOILERPLATE_FACTOR
        one.weight = weight
    occurrences.sort(key=lambda one: -abs(one.weight))
    seen: dict[int, int] = {}
    for one in occurrences:
        key = id(one.term)
        seen[key] = seen.get(key, 0) + 1
        one.weight /= seen[key]
        total += one.weight
    return total


def _reason(one: Occurrence, texts: list[Text]) -> Reason:
    text = texts[one.text]
    start, end = text.folded.span(one.start, one.end)
    return Reason(one.term.text, text.field, start, text.folded.original[start:end], round(one.weight, 3))


def score(
    rules: CompiledRules, texts: list[Text], hits: Hits, kind: EntryKind, language: str
) -> Mapping[str, TopicMatch]:
    """Topic id → match, for every rule that reaches its threshold (relevance included, by its own id)."""
    found = _occurrences(rules, texts, hits, language)
    lists = _mark_lists(rules, found)
    kinds: dict[int, list[CompiledTerm]] = {}
    for term in rules.kind_terms:
        if term.text == kind:
            kinds.setdefault(term.rule, []).append(term)
    matches: dict[str, TopicMatch] = {}
    for number, rule in enumerate(rules.rules):
        occurrences = found.get(number, [])
        given = [
            Reason(term.text, "kind", 0, kind, round(term.weight * rules.weights["kind"], 3))
            for term in kinds.get(number, ())
        ]
        if rule.gathers and lists:
            given += [
                _gathered(members, texts, rules)
                for members in lists
                if len({one.term.rule for one in members}) >= rule.gathers
            ][:1]
        if not occurrences and not given:
            continue
        total = _weigh(rules, rule, occurrences, texts, hits) + sum(reason.weight for reason in given)
        if total < rule.threshold - 1e-9:
            continue
        reasons = [*given, *(_reason(one, texts) for one in occurrences[:MAX_REASONS])]
        reasons.sort(key=lambda reason: -reason.weight)
        matches[rule.id] = TopicMatch(rule.id, tuple(reasons[:MAX_REASONS]), round(total, 3))
    return matches


def _gathered(members: list[Occurrence], texts: list[Text], rules: CompiledRules) -> Reason:
    """The reason of a topic that gathers several conditions named together."""
    text = texts[members[0].text]
    start, _ = text.folded.span(members[0].start, members[0].end)
    _, end = text.folded.span(members[-1].start, members[-1].end)
    weight = _place_factor(rules, text, members[0].start)
    return Reason("several conditions together", text.field, start, text.folded.original[start:end], round(weight, 3))
