"""Where the terms of the rules hold in an entry: conditions checked, each place once for the longest term there.

with      one of the named phrases stands near: within 160 characters, or in the title
unless    a phrase around the term cancels it there (in the title: everywhere); another one when it stands near
fields    only there; addresses and source names only when named
languages only in entries known to be in one of them
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ketfeed.model import Field
from ketfeed.topics.expressions import matches, may_match
from ketfeed.topics.rules import NONE, CompiledRules, CompiledTerm, Contexts
from ketfeed.topics.terms import FoldedText, folded_length

Place = tuple[int, int, int]
"""Number of the text, folded start, folded end."""

Hits = dict[int, list[Place]]
"""Phrase number → where it stands."""

NEAR = 160
"""Characters within which a phrase is near a term: about two sentences."""

TEASER = 80
"""Characters of a summary that may be no more than "Read on"."""

LEAD = 600
"""Characters that count as the lead: an abstract's or an article's first paragraph."""


@dataclass(slots=True)
class Text:
    """One text of an entry, the field it belongs to, and where it lies in the folded text of the entry."""

    field: Field
    original: str
    folded: FoldedText  # shared with the entry's other texts
    at: int  # where it begins in ``folded.text``
    begin: int  # and in ``folded.original``
    length: int  # folded characters
    leads: bool = False  # a content without a summary, or with a mere teaser: its first paragraph counts as one

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Original start and end of the words between two folded places of this text."""
        first, last = self.folded.span(self.at + start, self.at + end)
        return first - self.begin, last - self.begin


def lay_out(written: Mapping[Field, str], folded: FoldedText) -> list[Text]:
    """The texts of an entry as they lie in their common folded text."""
    starts = folded.starts()
    ends = [at - 1 for at, _ in starts[1:]] + [len(folded.text)]
    return [
        Text(
            field,
            original,
            folded,
            at,
            begin,
            end - at,
            field == "content" and len(written.get("summary", "")) < TEASER,
        )
        for (field, original), (at, begin), end in zip(written.items(), starts, ends, strict=False)
    ]


@dataclass(slots=True, eq=False)
class Occurrence:
    """A term that counts at a place."""

    term: CompiledTerm
    text: int
    start: int
    end: int
    weight: float = 0.0
    listed: bool = False


class Scene:
    """An entry's texts and hits, with every phrase set looked up at most once."""

    __slots__ = ("_cache", "_standing", "fields", "hits", "language", "pieces", "rules", "texts")

    def __init__(
        self, rules: CompiledRules, texts: list[Text], hits: Hits, pieces: Collection[str], language: str
    ) -> None:
        self.rules = rules
        self.pieces = pieces  # of what expressions need, those that stand in the texts
        self.texts = texts
        self.hits = hits
        self.language = language
        self.fields = [text.field for text in texts]
        self._standing = 0  # bit N: a phrase of set N stands in the entry
        for phrase in hits:
            self._standing |= rules.memberships[phrase]
        self._cache: dict[int, list[Place]] = {}

    def stands(self, number: int) -> bool:
        """Whether a phrase of a set stands in the entry."""
        return number != NONE and self._standing >> number & 1 == 1

    def places(self, number: int) -> list[Place]:
        """Every place of the phrases of a set."""
        if not self.stands(number):
            return []
        found = self._cache.get(number)
        if found is None:
            hits, bit, memberships = self.hits, 1 << number, self.rules.memberships
            found = [place for phrase, places in hits.items() if memberships[phrase] & bit for place in places]
            self._cache[number] = found
        return found

    def words(self, place: Place) -> str:
        """The folded words of a place."""
        number, start, end = place
        text = self.texts[number]
        return text.folded.text[text.at + start : text.at + end]

    def context(self, rule: int) -> Contexts | bool:
        """What may cancel places of a rule in this entry: True for nothing, False when a required phrase is missing."""
        compiled = self.rules.rules[rule]
        if compiled.requires != NONE and not self.stands(compiled.requires):
            return False
        unless = compiled.unless
        if unless is None or not (self.stands(unless.covering) or self.stands(unless.nearby)):
            return True
        return unless

    def near(self, place: Place, others: list[Place]) -> bool:
        """Whether one of ``others`` is near a place. The title is near everything up to the lead of a text."""
        text, start, end = place
        fields = self.fields
        in_title = fields[text] == "title"
        for other, other_start, other_end in others:
            if other == text:
                if other_start - end <= NEAR and start - other_end <= NEAR:
                    return True
            elif (in_title and other_start <= LEAD) or (start <= LEAD and fields[other] == "title"):
                return True
        return False

    def cancelled(self, unless: Contexts, place: Place) -> bool:
        """Whether a phrase covers the place or, for phrases that do not hold the term, stands near it.

        A covering phrase in the title says what the word means in the rest: after "Tropical depression forms" the
        summary's "the depression" is the same one. Other words of the rule are not: "safety and efficacy" in the title
        leaves "adverse events" alone.
        """
        text, start, end = place
        for other, other_start, other_end in self.places(unless.covering):
            if other == text:
                if other_start <= start and other_end >= end:
                    return True
            elif self.fields[other] == "title" and self.words(place) in self.words((other, other_start, other_end)):
                return True
        nearby = self.places(unless.nearby)
        return bool(nearby) and self.near(place, nearby)

    def holds(self, term: CompiledTerm, place: Place) -> bool:
        """Whether the conditions of a term hold at a place."""
        if term.fields is not None and self.fields[place[0]] not in term.fields:
            return False
        if term.languages is not None and self.language not in term.languages:
            return False
        if term.near != NONE and not self.near(place, self.places(term.near)):
            return False
        return term.unless is None or not self.cancelled(term.unless, place)


def occurrences(scene: Scene, labels: list[tuple[CompiledTerm, Place]]) -> dict[int, list[Occurrence]]:
    """Rule number → its terms' places that count. ``labels`` are places in the address and the source's name."""
    terms = scene.rules.terms
    contexts: dict[int, Contexts | bool] = {}  # rule → its contexts that stand in this entry, True: none, False: shut
    found: dict[int, list[Occurrence]] = {}
    for phrase, places in scene.hits.items():
        for term in terms[phrase]:
            rule = term.rule
            context = contexts.get(rule)
            if context is None:
                context = contexts[rule] = scene.context(rule)
            if context is False or (term.near != NONE and not scene.stands(term.near)):
                continue
            if not (term.plain and context is True):
                places_here = [
                    place
                    for place in places
                    if (term.plain or scene.holds(term, place))
                    and (context is True or not scene.cancelled(context, place))
                ]
                if not places_here:
                    continue
            else:
                places_here = places
            made = found.get(rule)
            if made is None:
                made = found[rule] = []
            for text, start, end in places_here:
                made.append(Occurrence(term, text, start, end))
    for term, place in labels:
        context = scene.context(term.rule)
        if (
            context is not False
            and scene.holds(term, place)
            and (context is True or not scene.cancelled(context, place))
        ):
            found.setdefault(term.rule, []).append(Occurrence(term, *place))
    return {rule: longest(made) for rule, made in found.items()}


def expression_places(scene: Scene, rule: int) -> list[Occurrence]:
    """The places of a rule's regular expressions that count.

    They are slow, so the caller asks for them only where the phrases have not decided yet.
    """
    context = scene.context(rule)
    if context is False:
        return []
    return [
        Occurrence(term, *place)
        for term in scene.rules.rules[rule].expressions
        if may_match(term.needs, scene.pieces)
        for place in _regex_places(term, scene.texts)
        if scene.holds(term, place) and (context is True or not scene.cancelled(context, place))
    ]


def _regex_places(term: CompiledTerm, texts: list[Text]) -> list[Place]:
    """Where a regular expression is found in the original text, as folded places; nothing when it takes too long."""
    places: list[Place] = []
    if term.pattern is None:
        return places
    for number, text in enumerate(texts):
        if text.field in ("link", "source") if term.fields is None else text.field not in term.fields:
            continue
        for start, end in matches(term.pattern, text.original):
            first = max(folded_length(text.original[:start]) - 1, 1)
            last = folded_length(text.original[:end])
            places.append((number, first, max(last, first + 2)))
    return places


def longest(made: list[Occurrence]) -> list[Occurrence]:
    """Without the places that lie inside a longer one of the same rule."""
    if len(made) < 2:
        return made
    made.sort(key=_by_place)
    kept: list[Occurrence] = []
    last: Occurrence | None = None
    for one in made:
        if last is not None and one.text == last.text and one.end <= last.end:
            if one.start == last.start and one.end == last.end and abs(one.term.weight) > abs(last.term.weight):
                kept[-1] = last = one
            continue
        kept.append(one)
        last = one
    return kept


def _by_place(one: Occurrence) -> tuple[int, int, int]:
    return (one.text, one.start, -one.end)
