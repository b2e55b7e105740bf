"""What is an entry about, and why: rules applied to one entry, each match with the places that made it.

Entry ─▶ texts      title, summary, content, categories, link, source as folded plain text
      ─▶ hits       phrase → places, one pass of the automaton per text                        terms.py
      ─▶ places     those whose conditions hold (unless, with, fields, languages)              score.py
      ─▶ scores     weight × field × position × repetition; lists and side remarks count less  score.py
      ─▶ Tagging    topics over their threshold; relevance; kind; identifiers; facts
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ketfeed.model import Entry, Field, Reason, RuleSet, Source, Tagging, TopicMatch, TopicRule
from ketfeed.topics.facts import facts
from ketfeed.topics.identify import identify
from ketfeed.topics.kinds import KIND_CUES, decide_kind
from ketfeed.topics.places import Hits, Place, Scene, Text
from ketfeed.topics.relevance import judge
from ketfeed.topics.rules import THRESHOLD, CompiledRules, CompiledTerm, compile_rules, rule_phrases
from ketfeed.topics.score import MAX_REASONS, score
from ketfeed.topics.terms import FoldedText, fold

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
        self._sources: dict[tuple[str, str], tuple[Text, Sequence[tuple[int, int, int]]]] = {}
        ruled = rule_phrases(rules)
        self._only_kind = {number for phrase, number in numbers.items() if phrase not in ruled}
        self._vocabulary = "|".join(f" {fold(phrase)} " for phrase in ruled)

    def texts(self, entry: Entry) -> list[Text]:
        """The texts of an entry that a reader sees; empty ones are left out."""
        found: list[Text] = []
        if entry.title:
            found.append(Text("title", FoldedText(entry.title)))
        if entry.summary and entry.text and not entry.content:  # then the plain text is the summary's
            summary, content = entry.text[:MAX_TEXT], ""
        else:
            summary = plain(entry.summary)[:MAX_TEXT]
            content = (entry.text or plain(entry.content))[:MAX_TEXT]
        if not summary and content:
            found.append(Text("content", FoldedText(content), leads=True))
        else:
            if summary:
                found.append(Text("summary", FoldedText(summary)))
            if content and content != summary:
                found.append(Text("content", FoldedText(content)))
        if entry.categories:
            found.append(
                Text("category", FoldedText("\n".join(label.label or label.term for label in entry.categories)))
            )
        return found

    def _labels(self, entry: Entry, source: Source, texts: list[Text]) -> list[tuple[CompiledTerm, Place]]:
        """Places in the address and the source's name, whose texts are added to ``texts`` when they hold one."""
        labels = self._compiled.labels
        if not labels.phrases:
            return []
        found: list[tuple[CompiledTerm, Place]] = []
        for text, hits in (self._label("link", entry.link or ""), self._source_label(source)):
            if hits:
                number = len(texts)
                texts.append(text)
                for pattern, start, end in hits:
                    for phrase in labels.owners[pattern]:
                        terms = self._compiled.label_terms[phrase]
                        found += [(term, (number, start, end)) for term in terms if text.field in (term.fields or ())]
        return found

    def _label(self, field: Field, value: str) -> tuple[Text, Sequence[tuple[int, int, int]]]:
        text = Text(field, FoldedText(value))
        return text, self._compiled.labels.find(text.folded.text)

    def _source_label(self, source: Source) -> tuple[Text, Sequence[tuple[int, int, int]]]:
        """The source's name as a text, and what stands in it; worked out once per source."""
        key = (source.title, source.id)
        made = self._sources.get(key)
        if made is None:
            if len(self._sources) > 5000:
                self._sources.clear()
            made = self._sources[key] = self._label("source", f"{source.title} {source.id}")
        return made

    def tag(self, entry: Entry, source: Source) -> Tagging:
        """Everything the rules say of an entry of a source."""
        texts = self.texts(entry)
        hits = self._find(texts)
        by_name = {text.field: text.folded.original for text in texts}
        identifiers = identify(entry, [by_name[name] for name in _READ_FIELDS if name in by_name])
        cues = [
            (self._kind_cues[phrase], any(texts[place[0]].field == "title" for place in hits[phrase]))
            for phrase in self._kind_cues.keys() & hits.keys()
            if any(texts[place[0]].field in ("title", "summary") for place in hits[phrase])
        ]
        kind, kind_reasons = decide_kind(entry, source, cues, identifiers)
        language = (entry.language or source.language or "").partition("-")[0].lower()
        labels = self._labels(entry, source, texts)
        scored = score(Scene(self._compiled, texts, hits, language), labels, kind)
        matches = [
            self._with_default(topic, scored.get(topic.id), source) if topic.id in source.topics else scored[topic.id]
            for topic in self.rules.topics
            if topic.id in scored or topic.id in source.topics
        ]
        relevant, relevance_reasons = judge(self.rules.relevance, scored.get(self.rules.relevance.id))
        about_research = kind in ("research", "preprint", "trial-record", "review") or "research" in scored
        return Tagging(
            matches=tuple(matches),
            relevant=relevant,
            relevance_reasons=relevance_reasons,
            kind=kind,
            kind_reasons=kind_reasons,
            identifiers=identifiers,
            facts=facts(
                [by_name[name] for name in _READ_FIELDS if name in by_name],
                about_drug=relevant,
                about_research=about_research,
            ),
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
        return set(self._find(self.texts(entry)))

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

    def _find(self, texts: list[Text]) -> Hits:
        """Phrase number → places (text number, start, end)."""
        lexicon = self._compiled.lexicon
        owners, trailing = lexicon.owners, lexicon.trailing
        hits: Hits = {}
        for index, text in enumerate(texts):
            for pattern, start, end in lexicon.find(text.folded.text):
                place = (index, start, end - trailing[pattern])
                for phrase in owners[pattern]:
                    places = hits.get(phrase)
                    if places is None:
                        hits[phrase] = [place]
                    else:
                        places.append(place)
        return hits


_READ_FIELDS: tuple[Field, ...] = ("title", "summary", "content")
