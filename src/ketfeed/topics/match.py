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

from ketfeed.model import Entry, Field, Reason, RuleSet, Source, Tagging, TopicMatch
from ketfeed.topics.facts import facts
from ketfeed.topics.identify import identify
from ketfeed.topics.kinds import KIND_CUES, decide_kind
from ketfeed.topics.relevance import judge
from ketfeed.topics.rules import CompiledRules, compile_rules
from ketfeed.topics.score import Hits, Text, score
from ketfeed.topics.terms import FoldedText

_TAG = re.compile(
    r"<(?:script|style)\b.*?</(?:script|style)\s*>|<!--.*?-->|</?[a-zA-Z][^<>]*>", re.DOTALL | re.IGNORECASE
)
_NOT_WORDS = re.compile(r"[./_?=&%#+~:-]+")

MAX_TEXT = 40_000
"""Characters of a content that are read; topics are decided long before."""

MAX_REASONS = 8
"""Kept per topic, strongest first; more would only repeat them."""


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
        self._default_topics = {topic.id: topic for topic in rules.topics}

    def texts(self, entry: Entry, source: Source) -> list[Text]:
        """The texts of an entry that rules can look at; empty ones are left out."""
        found: list[Text] = []
        if entry.title:
            found.append(Text("title", FoldedText(entry.title)))
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
        if entry.link:
            found.append(Text("link", FoldedText(_NOT_WORDS.sub(" ", entry.link.partition("://")[2]))))
        found.append(Text("source", FoldedText(f"{source.title} {source.id}")))
        return found

    def tag(self, entry: Entry, source: Source) -> Tagging:
        """Everything the rules say of an entry of a source."""
        texts = self.texts(entry, source)
        hits = self._find(texts)
        by_name = {text.field: text for text in texts}
        plain_texts = [text.folded.original for text in texts if text.field in ("title", "summary", "content")]
        identifiers = identify(entry, plain_texts)
        cues = [
            (phrase, any(texts[place[0]].field == "title" for place in hits[number]))
            for number, phrase in self._kind_cues.items()
            if number in hits and any(texts[place[0]].field in ("title", "summary") for place in hits[number])
        ]
        kind, kind_reasons = decide_kind(entry, source, cues, identifiers)
        language = (entry.language or source.language or "").partition("-")[0].lower()
        scored = score(self._compiled, texts, hits, kind, language)
        matches = []
        for topic in self.rules.topics:
            match = scored.get(topic.id)
            if topic.id in source.topics:
                given = Reason(topic.id, "source", 0, source.title or source.id, self._threshold(topic.threshold))
                old = match.reasons if match else ()
                match = TopicMatch(
                    topic.id, (given, *old)[:MAX_REASONS], (match.score if match else 0.0) + given.weight
                )
            if match:
                matches.append(match)
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
                [by_name[name].folded.original for name in _FACT_FIELDS if name in by_name],
                about_drug=relevant,
                about_research=about_research,
            ),
        )

    def _threshold(self, own: float | None) -> float:
        return own or self.rules.threshold or 1.0

    def _find(self, texts: list[Text]) -> Hits:
        """Phrase number → places (text number, start, end)."""
        lexicon = self._compiled.lexicon
        owners = lexicon.owners
        hits: Hits = {}
        for index, text in enumerate(texts):
            for pattern, start, end in lexicon.find(text.folded.text):
                for phrase in owners[pattern]:
                    places = hits.get(phrase)
                    if places is None:
                        hits[phrase] = [(index, start, end)]
                    else:
                        places.append((index, start, end))
        return hits


_FACT_FIELDS: tuple[Field, ...] = ("title", "summary", "content")
