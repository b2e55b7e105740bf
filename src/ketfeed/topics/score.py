"""How much a place in an entry counts, and which topics pass their threshold. Pure arithmetic on hits.

    place counts   term weight × field weight × position × list × side remark × boilerplate
    topic scores   sum over its places, a repeated term counting 1, 1/2, 1/3 ...; those behind the lead at most half
                   of the threshold: a body supports, it does not decide (relevance: without that bound)
    topic matches  when the score reaches the threshold and one of its required phrases stands in the entry

The factors are few and fixed so that an editor can follow the sum in ``ketfeed explain``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ketfeed.model import EntryKind, Reason, TopicMatch
from ketfeed.topics.places import LEAD, Occurrence, Place, Scene, Text, expression_places, longest, occurrences
from ketfeed.topics.rules import CompiledRule, CompiledRules, CompiledTerm

LIST_GAP = 40
"""Characters between two indications of one list: ", and treatment-resistant " fits."""

LIST_FACTOR = 0.3
ASIDE_REACH = 90
ASIDE_FACTOR = 0.3
BOILERPLATE_FACTOR = 0.1
MAX_REASONS = 6
"""Kept per topic, strongest first; more would only repeat them."""


def _mark_lists(rules: CompiledRules, found: dict[int, list[Occurrence]]) -> list[list[Occurrence]]:
    """Mark indications that stand in a list of many; returns the lists.

    The conditions of a gathering topic make a list longer and are not marked: they are what that topic is about.
    """
    indications = [
        one
        for rule, occurrences in found.items()
        if rules.rules[rule].indication or rules.rules[rule].gathers
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
        if len({_condition(rules, member) for member in run}) >= rules.gathers:
            lists.append(run)
        run = [one] if one else []
    for members in lists:
        for member in members:
            member.listed = not rules.rules[member.term.rule].gathers
    return lists


def _condition(rules: CompiledRules, one: Occurrence) -> int | str:
    """What a member of a list names: a topic, or one of the conditions that share the gathering topic."""
    return one.term.text if rules.rules[one.term.rule].gathers else one.term.rule


def _place_factor(rules: CompiledRules, text: Text, start: int) -> float:
    """Field weight × position: later places of a text count less, those of a long content even less."""
    weights = rules.weights
    name = text.field
    if name == "summary" or (name == "content" and text.leads and start <= LEAD):
        factor = weights["summary"]
        return factor if start <= LEAD else factor * (0.5 if start <= 3 * LEAD else 0.25)
    if name == "content":
        share = min(1.0, math.sqrt(4000 / max(1, text.length)))
        return weights["content"] * share * (1.0 if start <= LEAD else 0.75)
    return weights[name]


def _weigh(
    scene: Scene, rule: CompiledRule, made: list[Occurrence], asides: list[Place], endings: list[Place]
) -> float:
    """Give every occurrence its weight, strongest first; returns the sum."""
    rules, texts, weights = scene.rules, scene.texts, scene.rules.weights
    for one in made:
        text = texts[one.text]
        if one.start <= LEAD and text.field != "content":
            weight = one.term.weight * weights[text.field]
        else:
            weight = one.term.weight * _place_factor(rules, text, one.start)
        if one.listed:
            weight *= LIST_FACTOR
        if asides and rule.indication and _follows(one, asides):
            weight *= ASIDE_FACTOR
        if endings and text.field != "title" and any(t == one.text and start <= one.start for t, start, _ in endings):
            weight *= BOILERPLATE_FACTOR
        one.weight = weight
    if len(made) < 2:
        return made[0].weight if made else 0.0
    made.sort(key=_by_strength)
    seen: dict[CompiledTerm, int] = {}
    total = late = 0.0
    for one in made:
        times = seen.get(one.term, 0) + 1
        seen[one.term] = times
        one.weight /= times
        if one.weight > 0 and _is_late(texts[one.text], one.start):
            late += one.weight
        else:
            total += one.weight
    return total + min(late, rule.most_late)


def _is_late(text: Text, start: int) -> bool:
    """Whether a place stands behind the lead, where an article names much that it is not about."""
    return (start > LEAD and text.field == "summary") or (
        text.field == "content" and not (text.leads and start <= LEAD)
    )


def _by_strength(one: Occurrence) -> float:
    return -abs(one.weight)


def _follows(one: Occurrence, asides: list[Place]) -> bool:
    """Whether a phrase such as "also used for" stands right before a place."""
    return any(text == one.text and 0 <= one.start - end + 1 <= ASIDE_REACH for text, _, end in asides)


def _reason(one: Occurrence, texts: list[Text]) -> Reason:
    text = texts[one.text]
    start, end = text.span(one.start, one.end)
    return Reason(one.term.text, text.field, start, text.original[start:end], round(one.weight, 3))


def score(scene: Scene, labels: list[tuple[CompiledTerm, Place]], kind: EntryKind) -> Mapping[str, TopicMatch]:
    """Topic id → match, for every rule that reaches its threshold (relevance included, by its own id).

    A regular expression lighter than its topic's threshold is only tried beside a phrase of the topic.
    """
    rules, texts = scene.rules, scene.texts
    found = occurrences(scene, labels)
    lists = _mark_lists(rules, found)
    given: dict[int, list[Reason]] = {}
    for number, reason in rules.kind_reasons.get(kind, ()):
        given.setdefault(number, []).append(reason)
    if lists:
        for number, rule in enumerate(rules.rules):
            gathered = rule.gathers and _gathered(rule.gathers, lists, texts, rules)
            if gathered:
                given.setdefault(number, []).append(gathered)
    asides, endings = scene.places(rules.asides), scene.places(rules.boilerplate)
    matches: dict[str, TopicMatch] = {}
    for number in sorted({*found, *given, *rules.alone}):
        rule = rules.rules[number]
        made = found.get(number, [])
        extra = given.get(number, [])
        before = sum([reason.weight for reason in extra])
        total = before + _weigh(scene, rule, made, asides, endings)
        if rule.expressions and (total < rule.threshold or rule.doubts):
            more = expression_places(scene, number)
            if more:
                made = longest(made + more)
                total = before + _weigh(scene, rule, made, asides, endings)
        if total >= rule.threshold - 1e-9:
            reasons = [*extra, *[_reason(one, texts) for one in made[:MAX_REASONS]]]
            if len(reasons) > 1:
                reasons.sort(key=_by_weight)
            matches[rule.id] = TopicMatch(rule.id, tuple(reasons[:MAX_REASONS]), round(total, 3))
    return matches


def _by_weight(reason: Reason) -> float:
    return -reason.weight


def _gathered(least: int, lists: list[list[Occurrence]], texts: list[Text], rules: CompiledRules) -> Reason | None:
    """The reason of a topic that gathers several conditions named together."""
    for members in lists:
        if len({_condition(rules, one) for one in members}) < least:
            continue
        text = texts[members[0].text]
        start, _ = text.span(members[0].start, members[0].end)
        _, end = text.span(members[-1].start, members[-1].end)
        weight = _place_factor(rules, text, members[0].start)
        return Reason("several conditions together", text.field, start, text.original[start:end], round(weight, 3))
    return None
