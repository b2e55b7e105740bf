"""A RuleSet made ready for matching: one lexicon of all phrases, and what each phrase means for which rule.

RuleSet ─▶ CompiledRules
             lexicon      every phrase of every rule, numbered (terms.py)
             terms        phrase number → the terms it fulfils
             rules        topics in file order, then relevance
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import regex

from ketfeed.model import Field, Reason, RuleSet, Term, TopicRule
from ketfeed.topics.expressions import Needs, compiled, needs
from ketfeed.topics.identify import SIGNS
from ketfeed.topics.kinds import KIND_CUES
from ketfeed.topics.terms import Lexicon, fold

FIELD_WEIGHTS: dict[Field, float] = {
    "title": 1.0, "summary": 1.0, "content": 0.4, "category": 0.6, "source": 0.5, "link": 0.5, "kind": 1.0,
}  # fmt: skip
"""What a term counts by where it stands, unless topics.yaml says otherwise."""

LABEL_FIELDS: frozenset[str] = frozenset(("link", "source"))
"""Not read by readers: only terms that name one of these fields look there."""

LATE_SHARE = 0.5
"""The part of a topic's threshold that places behind the lead can give: a clinic's page of 2,000 characters speaks of
prices, studies and side effects without being about them."""

THRESHOLD = 1.0
"""One plain term in the title or in the lead of the summary is enough."""


NONE = -1
"""No set of phrases: the condition is not made."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """Phrases that cancel a term: those around it only where they cover it, others when they stand near.

    Both are numbers of phrase sets, or NONE.
    """

    covering: int = NONE
    nearby: int = NONE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledTerm:
    """A term bound to its rule."""

    rule: int
    text: str
    weight: float
    near: int  # number of a phrase set, or NONE
    unless: Contexts | None
    fields: frozenset[Field] | None  # None: every field a reader sees
    languages: frozenset[str] | None
    plain: bool  # no condition but the rule's own: the inner loop need not ask
    pattern: regex.Pattern[str] | None = None
    needs: Needs = ()  # without these pieces the pattern need not be tried


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """A topic, or relevance, ready for scoring."""

    id: str
    threshold: float
    most_late: float  # what places behind the lead may give together
    requires: int  # number of a phrase set, or NONE
    unless: Contexts | None
    indication: bool
    gathers: int | None
    expressions: tuple[CompiledTerm, ...]  # its regular expressions

    doubts: bool  # an expression could argue against a match that phrases made
    alone: bool  # an expression could make a match without any phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRules:
    """Everything the tagger needs, built once per process."""

    lexicon: Lexicon  # every phrase, numbered
    rules: tuple[CompiledRule, ...]  # topics in file order, relevance last
    terms: tuple[tuple[CompiledTerm, ...], ...]  # by phrase number: what the texts a reader sees may fulfil
    sets: tuple[frozenset[int], ...]  # sets of phrases that terms name as contexts, each once
    memberships: tuple[int, ...]  # by phrase number: bit N when it is in set N
    label_terms: tuple[tuple[CompiledTerm, ...], ...]  # of these, what the address and the source's name may fulfil
    kind_reasons: dict[str, tuple[tuple[int, Reason], ...]]  # kind → (rule, reason) of terms that name it
    alone: frozenset[int]  # rules that an expression alone can match
    unprompted: bool  # one of these requires no phrase
    asides: int  # number of a phrase set, or NONE
    boilerplate: int
    weights: dict[Field, float] = field(default_factory=dict)
    gathers: int = 4  # indications that make a list

    def telling_patterns(self, cues: Collection[int]) -> frozenset[int]:
        """Patterns of the lexicon one of which an entry must hold to get a topic or a cue to its kind by phrases.

        The others only say something beside these: contexts, and terms of rules whose required phrases are missing.
        """
        telling = set(cues)
        for rule in self.rules:
            telling |= self.sets[rule.requires] if rule.requires != NONE else frozenset()
        for number, terms in enumerate(self.terms):
            if self.label_terms[number] or any(self.rules[term.rule].requires == NONE for term in terms):
                telling.add(number)
        return frozenset(
            pattern
            for pattern, owners in enumerate(self.lexicon.owners)
            if self.unprompted or not telling.isdisjoint(owners)
        )


class _Sets:
    """Phrase sets numbered, equal ones once, so that a scene looks each of them up once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._numbers: dict[frozenset[int], int] = {}

    def number(self, phrases: Iterable[str]) -> int:
        """The number of a set of phrases, NONE for an empty one."""
        members = frozenset(self._lexicon.numbers[phrase] for phrase in phrases)
        return self._numbers.setdefault(members, len(self._numbers)) if members else NONE

    def contexts(self, phrases: Iterable[str], own: Sequence[str]) -> Contexts | None:
        """Which of the phrases contain one of ``own`` (the terms they cancel), and which only stand near."""
        stems = [_stem(term) for term in own]
        covering: list[str] = []
        nearby: list[str] = []
        for phrase in phrases:
            around = f" {fold(phrase.rstrip('*'))} "
            contains = any((f" {term}" if star else f" {term} ") in around for term, star in stems)
            (covering if contains else nearby).append(phrase)
        made = Contexts(self.number(covering), self.number(nearby))
        return None if made == Contexts() else made

    def all(self) -> tuple[frozenset[int], ...]:
        return tuple(self._numbers)

    def memberships(self) -> tuple[int, ...]:
        """By phrase number: bit N when the phrase is in set N."""
        bits = [0] * len(self._lexicon.phrases)
        for members, number in self._numbers.items():
            for phrase in members:
                bits[phrase] |= 1 << number
        return tuple(bits)


def _stem(term: str) -> tuple[str, bool]:
    return fold(term.rstrip("*")), term.endswith("*")


def rule_phrases(rules: RuleSet) -> dict[str, None]:
    """Every phrase of a rule set, each once, in file order."""
    phrases = [*rules.asides, *rules.boilerplate]
    for rule in (*rules.topics, rules.relevance):
        phrases += [*rule.requires, *rule.unless]
        for term in rule.terms:
            phrases += [*term.unless, *term.near]
            if not term.regex:
                phrases.append(term.text)
    return dict.fromkeys(phrases)


def compile_rules(rules: RuleSet) -> CompiledRules:
    """Make a rule set ready for matching.

    A regular expression that does not compile never matches; ``ketfeed check`` has refused it before.
    """
    lexicon = Lexicon([*rule_phrases(rules), *KIND_CUES], SIGNS)
    sets = _Sets(lexicon)
    topics = (*rules.topics, rules.relevance)
    default = rules.threshold or THRESHOLD
    terms: list[list[CompiledTerm]] = [[] for _ in lexicon.phrases]
    labelled: list[list[CompiledTerm]] = [[] for _ in lexicon.phrases]
    expressions: list[list[CompiledTerm]] = [[] for _ in topics]
    kind_terms: list[CompiledTerm] = []
    for index, rule in enumerate(topics):
        for term in rule.terms:
            made = _compile_term(term, index, sets)
            named = set(term.fields)
            if term.regex:
                expressions[index].append(made)
                continue
            if "kind" in named:
                kind_terms.append(made)
            if named & LABEL_FIELDS:
                labelled[lexicon.numbers[term.text]].append(made)
            if not named or named - LABEL_FIELDS - {"kind"}:
                terms[lexicon.numbers[term.text]].append(made)
    weights: dict[Field, float] = {**FIELD_WEIGHTS, **rules.weights}  # type: ignore[dict-item]  # the loader checked
    made_rules = tuple(
        _compile_rule(rule, default, sets, made, math.inf if rule is rules.relevance else LATE_SHARE)
        for rule, made in zip(topics, expressions, strict=True)
    )
    return CompiledRules(
        lexicon=lexicon,
        rules=made_rules,
        alone=frozenset(number for number, rule in enumerate(made_rules) if rule.alone),
        unprompted=any(rule.alone and rule.requires == NONE for rule in made_rules),
        terms=tuple(tuple(found) for found in terms),
        label_terms=tuple(tuple(found) for found in labelled),
        kind_reasons=_kind_reasons(kind_terms, weights),
        asides=sets.number(rules.asides),
        boilerplate=sets.number(rules.boilerplate),
        weights=weights,
        gathers=min((rule.gathers for rule in topics if rule.gathers), default=4),
        sets=sets.all(),
        memberships=sets.memberships(),
    )


def _kind_reasons(
    terms: Iterable[CompiledTerm], weights: Mapping[Field, float]
) -> dict[str, tuple[tuple[int, Reason], ...]]:
    found: dict[str, list[tuple[int, Reason]]] = {}
    for term in terms:
        reason = Reason(term.text, "kind", 0, term.text, round(term.weight * weights["kind"], 3))
        found.setdefault(term.text, []).append((term.rule, reason))
    return {kind: tuple(reasons) for kind, reasons in found.items()}


def _compile_rule(
    rule: TopicRule, threshold: float, sets: _Sets, expressions: list[CompiledTerm], late: float
) -> CompiledRule:
    return CompiledRule(
        id=rule.id,
        threshold=rule.threshold or threshold,
        most_late=late * (rule.threshold or threshold),
        requires=sets.number(rule.requires),
        unless=sets.contexts(rule.unless, [term.text for term in rule.terms if not term.regex]),
        indication=rule.indication,
        gathers=rule.gathers,
        expressions=tuple(expressions),
        doubts=any(term.weight < 0 for term in expressions),
        alone=any(term.weight >= (rule.threshold or threshold) for term in expressions),
    )


def _compile_term(term: Term, rule: int, sets: _Sets) -> CompiledTerm:
    unless = sets.contexts(term.unless, () if term.regex else (term.text,))
    return CompiledTerm(
        rule=rule,
        text=term.text,
        weight=term.weight,
        near=sets.number(term.near),
        unless=unless,
        plain=not (term.near or unless or term.fields or term.languages),
        fields=frozenset(term.fields) or None,
        languages=frozenset(language.lower() for language in term.languages) or None,
        pattern=compiled(term.text) if term.regex else None,
        needs=needs(term.text) if term.regex and "source" not in term.fields else (),  # the source's name is not read
    )
