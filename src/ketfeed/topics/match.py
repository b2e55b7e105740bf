"""What is an entry about, and why: rules applied to one entry, each match with the places that made it.

Entry ─▶ texts      title, summary, content, categories, link as plain text, folded as one
      ─▶ hits       phrase → places, one pass of the automaton                                 terms.py
      ─▶ places     those whose conditions hold (unless, with, fields, languages)              score.py
      ─▶ scores     weight × field × position × repetition; lists and side remarks count less  score.py
      ─▶ Tagging    topics over their threshold; relevance; kind; identifiers; facts
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from ketfeed.model import Entry, EntryKind, Field, Reason, RuleSet, Source, Tagging, TopicMatch, TopicRule
from ketfeed.topics.facts import HINTS, facts
from ketfeed.topics.identify import SIGNS, identify
from ketfeed.topics.kinds import KIND_CUES, decide_kind
from ketfeed.topics.places import Hits, Place, Scene, Text, lay_out
from ketfeed.topics.relevance import judge
from ketfeed.topics.rules import THRESHOLD, CompiledRules, CompiledTerm, compile_rules, rule_phrases
from ketfeed.topics.score import MAX_REASONS, score
from ketfeed.topics.terms import FoldedText, Pieces, fold

_TAG = re.compile(
    r"<(?:script|style)\b.*?</(?:script|style)\s*>|<!--.*?-->|</?[a-zA-Z][^<>]*>", re.DOTALL | re.IGNORECASE
)

MAX_TEXT = 40_000
"""Characters of a content that are read; topics are decided long before."""


def plain(markup: str) -> str:
    """Plain text of safe HTML: tags become spaces, entities characters."""
    if "<" in markup:
        markup = _TAG.sub(" ", markup)
    if "&" in markup:
        markup = html.unescape(markup)
    return markup


class Tagger:
    """Rules compiled once; ``tag`` is pure, complete for one entry and fast (benchmarks/topics.py).

    It runs in the parser's child processes, which build their own from the (picklable) rules.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self._compiled: CompiledRules = compile_rules(rules)
        numbers = self._compiled.lexicon.numbers
        self._kind_cues = {numbers[phrase]: phrase for phrase in KIND_CUES}
        self._sources: dict[tuple[str, str], tuple[Text, list[tuple[CompiledTerm, int, int]]]] = {}
        expressions = [term for rule in self._compiled.rules for term in rule.expressions]
        self._pieces = Pieces(
            (*SIGNS, *HINTS, *(piece for term in expressions for some in term.needs for piece in some))
        )
        self._asking = _RESEARCH.union(self._compiled.kind_reasons)  # kinds for which expressions or facts are read
        self._scoring = self._compiled.telling_patterns(())
        self._telling = self._compiled.telling_patterns(self._kind_cues)
        ruled = rule_phrases(rules)
        self._only_kind = {number for phrase, number in numbers.items() if phrase not in ruled}
        self._vocabulary = "|".join(f" {fold(phrase)} " for phrase in ruled)

    def tag(self, entry: Entry, source: Source) -> Tagging:
        """Everything the rules say of an entry of a source. Entries of which they say nothing share one value."""
        written = texts_of(entry)
        folded = FoldedText(*written.values())
        found, signed = self._compiled.lexicon.look(folded.text)
        read = [written[field] for field in _READ_FIELDS if field in written]
        source_text, source_labels = self._source_labels(source)
        patterns = [pattern for pattern, _, _ in found]
        plain_source = not (source_labels or self._compiled.unprompted)
        quiet = plain_source and self._telling.isdisjoint(patterns)
        everything = f"{folded.original}\n{entry.raw_id}"
        short = quiet and not signed  # then there are no SIGNS in the texts, and hardly ever somebody asks for more
        pieces = self._pieces.found(entry.raw_id if short else everything)
        identifiers = identify(entry, read, pieces)
        if quiet:
            found = ()
        texts = lay_out(written, folded) if found else []
        hits, labels = self._sort(found, texts)
        kind, kind_reasons = decide_kind(entry, source, self._cues(texts, hits), identifiers)
        if short and (kind in self._asking or not self.rules.relevance.terms):
            pieces = self._pieces.found(everything)
        scored: Mapping[str, TopicMatch] = {}
        if kind in self._compiled.kind_reasons or not (plain_source and self._scoring.isdisjoint(patterns)):
            texts = [*(texts or lay_out(written, folded)), source_text]
            labels += [(term, (len(texts) - 1, start, end)) for term, start, end in source_labels]
            language = (entry.language or source.language or "").partition("-")[0].lower()
            scored = score(Scene(self._compiled, texts, hits, pieces, language), labels, kind)
        relevant, relevance_reasons = judge(self.rules.relevance, scored.get(self.rules.relevance.id))
        about_research = kind in _RESEARCH or "research" in scored
        if not (scored or relevant or about_research or identifiers or source.topics):
            return _only_kind(kind, kind_reasons)
        return Tagging(
            matches=self._matches(scored, source),
            relevant=relevant,
            relevance_reasons=relevance_reasons,
            kind=kind,
            kind_reasons=kind_reasons,
            identifiers=identifiers,
            facts=facts(read, pieces, about_drug=relevant, about_research=about_research),
        )

    def _sort(
        self, found: Sequence[tuple[int, int, int]], texts: Sequence[Text]
    ) -> tuple[Hits, list[tuple[CompiledTerm, Place]]]:
        """What the automaton found: phrase number → places in texts a reader sees; places in the address by term."""
        owners, trailing = self._compiled.lexicon.owners, self._compiled.lexicon.trailing
        hits: Hits = {}
        labels: list[tuple[CompiledTerm, Place]] = []
        index, at, end_of_text = -1, 0, 0
        in_link = False
        for pattern, start, end in found:  # by end, and no phrase spans two texts
            while start >= end_of_text:
                index += 1
                text = texts[index]
                at, end_of_text, in_link = text.at, text.at + text.length, text.field == "link"
            place = (index, start - at, end - trailing[pattern] - at)
            if in_link:
                labels += [(term, place) for term in self._labelling("link", owners[pattern])]
                continue
            for phrase in owners[pattern]:
                places = hits.get(phrase)
                if places is None:
                    hits[phrase] = [place]
                else:
                    places.append(place)
        return hits, labels

    def _labelling(self, field: Field, phrases: Sequence[int]) -> Iterator[CompiledTerm]:
        """The terms that phrases fulfil in an address or in the source's name."""
        for phrase in phrases:
            for term in self._compiled.label_terms[phrase]:
                if term.fields is not None and field in term.fields:
                    yield term

    def _source_labels(self, source: Source) -> tuple[Text, list[tuple[CompiledTerm, int, int]]]:
        """The source's name as a text, and the terms it fulfils with their places; worked out once per source."""
        key = (source.title, source.id)
        made = self._sources.get(key)
        if made is None:
            if len(self._sources) > 5000:
                self._sources.clear()
            lexicon = self._compiled.lexicon
            folded = FoldedText(f"{source.title} {source.id}")
            (text,) = lay_out({"source": folded.original}, folded)
            labels = [
                (term, start, end)
                for pattern, start, end in lexicon.find(folded.text)
                for term in self._labelling("source", lexicon.owners[pattern])
            ]
            made = self._sources[key] = (text, labels)
        return made

    def _cues(self, texts: Sequence[Text], hits: Hits) -> list[tuple[str, bool]]:
        """The cues to a kind that stand in title or summary, which come first, and whether in the title."""
        cues: list[tuple[str, bool]] = []
        for phrase in self._kind_cues.keys() & hits.keys():
            field = texts[hits[phrase][0][0]].field
            if field in ("title", "summary"):
                cues.append((self._kind_cues[phrase], field == "title"))
        return cues

    def _matches(self, scored: Mapping[str, TopicMatch], source: Source) -> tuple[TopicMatch, ...]:
        """The matches in the order of the rule set, with those the source gives."""
        given = source.topics
        return tuple(
            [
                self._with_default(topic, scored.get(topic.id), source) if topic.id in given else scored[topic.id]
                for topic in self.rules.topics
                if topic.id in scored or topic.id in given
            ]
        )

    def _with_default(self, topic: TopicRule, match: TopicMatch | None, source: Source) -> TopicMatch:
        """A match with the reason that the source is about the topic."""
        weight = topic.threshold or self.rules.threshold or THRESHOLD
        given = Reason(topic.id, "source", 0, source.title or source.id, weight)
        if match is None:
            return TopicMatch(topic.id, (given,), weight)
        return TopicMatch(topic.id, (given, *match.reasons)[:MAX_REASONS], match.score + weight)

    def phrases_in(self, entry: Entry) -> set[int]:
        """Numbers of every phrase of the rules that stands in an entry, whether it counts or not."""
        written = texts_of(entry)
        folded = FoldedText(*written.values())
        return set(self._sort(self._compiled.lexicon.find(folded.text), lay_out(written, folded))[0])

    def terms(self) -> list[tuple[str, str, int | None]]:
        """(topic, term, number as in ``phrases_in``) in file order; regular expressions have no number."""
        numbers = self._compiled.lexicon.numbers
        return [
            (rule.id, term.text, None if term.regex else numbers.get(term.text))
            for rule in (*self.rules.topics, self.rules.relevance)
            for term in rule.terms
            if not set(term.fields) & {"kind", "link", "source"}
        ]

    def knows(self, phrase: str) -> bool:
        """Whether a phrase of the rules stands in a folded phrase, or it in one of theirs."""
        lexicon = self._compiled.lexicon
        inside = {owner for pattern, _, _ in lexicon.find(f" {phrase} ") for owner in lexicon.owners[pattern]}
        return f" {phrase} " in self._vocabulary or not inside <= self._only_kind


_READ_FIELDS: tuple[Field, ...] = ("title", "summary", "content")
_RESEARCH: frozenset[EntryKind] = frozenset({"research", "preprint", "trial-record", "review"})


def texts_of(entry: Entry) -> dict[Field, str]:
    """The texts of an entry by field, in the order of the fields, the address last; empty ones are left out."""
    found: dict[Field, str] = {}
    if entry.title:
        found["title"] = entry.title
    if entry.summary and entry.text and not entry.content:  # then the plain text is the summary's
        found["summary"] = entry.text[:MAX_TEXT]
    else:
        summary = plain(entry.summary)[:MAX_TEXT]
        if summary:
            found["summary"] = summary
        content = (entry.text or plain(entry.content))[:MAX_TEXT]
        if content and content != summary:
            found["content"] = content
    if entry.categories:
        found["category"] = "\n".join([label.label or label.term for label in entry.categories])
    if entry.link:
        found["link"] = entry.link
    return found


@lru_cache(maxsize=1024)
def _only_kind(kind: EntryKind, reasons: tuple[str, ...]) -> Tagging:
    return Tagging(kind=kind, kind_reasons=reasons)
