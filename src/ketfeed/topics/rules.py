"""A RuleSet made ready for matching: one lexicon of all phrases, and what each phrase means for which rule.

RuleSet ─▶ CompiledRules
             lexicon      every phrase of every rule, numbered (terms.py)
             terms        phrase number → the terms it fulfils
             rules        topics in file order, then relevance
"""

from __future__ import annotations

from dataclasses import dataclass, field

import regex

from ketfeed.model import Field, RuleSet, Term, TopicRule
from ketfeed.topics.kinds import KIND_CUES
from ketfeed.topics.terms import Lexicon, fold

FIELD_WEIGHTS: dict[Field, float] = {
    "title": 1.0, "summary": 1.0, "content": 0.4, "category": 0.6, "source": 0.5, "link": 0.5, "kind": 1.0,
}  # fmt: skip
"""What a term counts by where it stands, unless topics.yaml says otherwise."""

DEFAULT_FIELDS: frozenset[Field] = frozenset(("title", "summary", "content", "category"))
"""Where a term is looked for when it names no fields."""

THRESHOLD = 1.0
"""One plain term in the title or in the lead of the summary is enough."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """Phrases that cancel a term: those around it only where they cover it, others when they stand near."""

    covering: frozenset[int] = frozenset()
    nearby: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.covering or self.nearby)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTerm:
    """A term bound to its rule."""

    rule: int
    text: str
    weight: float
    unless: Contexts
    near: frozenset[int]
    fields: frozenset[Field]
    languages: frozenset[str]
    plain: bool  # none of the conditions below apply: the inner loop skips them
    pattern: regex.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """A topic, or relevance, ready for scoring."""

    id: str
    threshold: float
    requires: frozenset[int]
    unless: Contexts
    indication: bool
    gathers: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRules:
    """Everything the tagger needs, built once per process."""

    lexicon: Lexicon
    rules: tuple[CompiledRule, ...]  # topics in file order, relevance last
    terms: tuple[tuple[CompiledTerm, ...], ...]  # by phrase number
    regexes: tuple[CompiledTerm, ...]
    kind_terms: tuple[CompiledTerm, ...]  # terms that name the kind of the entry
    asides: frozenset[int]
    boilerplate: frozenset[int]
    weights: dict[Field, float] = field(default_factory=dict)
    gathers: int = 4  # indications that make a list


def _contexts(phrases: tuple[str, ...], own: tuple[str, ...], lexicon: Lexicon) -> Contexts:
    """Which of the phrases contain one of ``own`` (folded terms), and which only stand near."""
    covering: set[int] = set()
    nearby: set[int] = set()
    for phrase in phrases:
        around = f" {fold(phrase.rstrip('*'))} "
        contains = any(f" {term} " in around or (star and f" {term}" in around) for term, star in map(_stem, own))
        (covering if contains else nearby).add(lexicon.numbers[phrase])
    return Contexts(frozenset(covering), frozenset(nearby))


def _stem(term: str) -> tuple[str, bool]:
    return fold(term.rstrip("*")), term.endswith("*")


def _phrases(rules: RuleSet) -> list[str]:
    """Every phrase of the rule set and every cue of the kinds."""
    phrases = [*rules.asides, *rules.boilerplate, *KIND_CUES]
    for rule in (*rules.topics, rules.relevance):
        phrases += [*rule.requires, *rule.unless]
        for term in rule.terms:
            phrases += [*term.unless, *term.near]
            if not term.regex:
                phrases.append(term.text)
    return phrases


def compile_rules(rules: RuleSet) -> CompiledRules:
    """Make a rule set ready for matching.

    Raises regex.error for a term whose regular expression does not compile; ``ketfeed check`` has refused it before.
    """
    lexicon = Lexicon(_phrases(rules))
    topics = (*rules.topics, rules.relevance)
    default = rules.threshold or THRESHOLD
    compiled = []
    terms: list[list[CompiledTerm]] = [[] for _ in lexicon.phrases]
    regexes: list[CompiledTerm] = []
    kind_terms: list[CompiledTerm] = []
    for index, rule in enumerate(topics):
        compiled.append(_compile_rule(rule, default, lexicon))
        for term in rule.terms:
            made = _compile_term(term, index, lexicon)
            if term.regex:
                regexes.append(made)
            elif "kind" in made.fields:
                kind_terms.append(made)
            if not term.regex and made.fields != {"kind"}:
                terms[lexicon.numbers[term.text]].append(made)
    return CompiledRules(
        lexicon=lexicon,
        rules=tuple(compiled),
        terms=tuple(tuple(found) for found in terms),
        regexes=tuple(regexes),
        kind_terms=tuple(kind_terms),
        asides=frozenset(lexicon.numbers[phrase] for phrase in rules.asides),
        boilerplate=frozenset(lexicon.numbers[phrase] for phrase in rules.boilerplate),
        weights={**FIELD_WEIGHTS, **rules.weights},  # type: ignore[dict-item]  # the loader checked the names
        gathers=min((rule.gathers for rule in topics if rule.gathers), default=4),
    )


def _compile_rule(rule: TopicRule, threshold: float, lexicon: Lexicon) -> CompiledRule:
    own = tuple(term.text for term in rule.terms if not term.regex)
    return CompiledRule(
        id=rule.id,
        threshold=rule.threshold or threshold,
        requires=frozenset(lexicon.numbers[phrase] for phrase in rule.requires),
        unless=_contexts(rule.unless, own, lexicon),
        indication=rule.indication,
        gathers=rule.gathers,
    )


def _compile_term(term: Term, rule: int, lexicon: Lexicon) -> CompiledTerm:
    unless = _contexts(term.unless, () if term.regex else (term.text,), lexicon)
    near = frozenset(lexicon.numbers[phrase] for phrase in term.near)
    fields = frozenset(term.fields) or DEFAULT_FIELDS
    return CompiledTerm(
        rule=rule,
        text=term.text,
        weight=term.weight,
        unless=unless,
        near=near,
        fields=fields,
        languages=frozenset(language.lower() for language in term.languages),
        plain=not (unless or near or term.languages or term.fields),
        pattern=regex.compile(term.text, regex.IGNORECASE) if term.regex else None,
    )
