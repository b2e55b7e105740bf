"""What the rules miss, for the editors: entries without a topic, phrases in no rule, terms that never match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from ketfeed.model import Entry, Source, Tagging
from ketfeed.topics.match import Tagger, plain
from ketfeed.topics.sketch import STOP_WORDS
from ketfeed.topics.terms import fold

LONGEST_PHRASE = 3
"""Words; longer ones are quotations."""

TOLD = 0.75
"""Share of a word's entries in which it stands in a longer phrase, from which on only the phrase is shown."""

MOST_PHRASES = 500_000
"""Kept in memory, about 100 MiB."""

READ = 600
"""Characters of an entry's text that are counted."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of relevant entries that no rule names."""

    text: str  # folded
    entries: int
    example: str  # title of one of them


@dataclass(slots=True)
class Gaps:
    """Counts over stored entries; feed them in with ``add`` and read the three queues."""

    tagger: Tagger
    untagged: list[Entry] = field(default_factory=list)
    entries: int = 0
    relevant: int = 0
    _phrases: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, str] = field(default_factory=dict)
    _met: set[int] = field(default_factory=set)

    def add(self, entry: Entry, source: Source, tagging: Tagging) -> None:
        """Take one entry with the tagging that holds for it into account."""
        self.entries += 1
        self._met |= self.tagger.phrases_in(entry)
        if not tagging.relevant:
            return
        self.relevant += 1
        if not tagging.matches and not source.topics:
            self.untagged.append(entry)
        text = f"{entry.title}\n{(entry.text or plain(entry.summary))[:READ]}"
        for phrase in set(_phrases_of(text)):
            self._phrases[phrase] += 1
            self._examples.setdefault(phrase, entry.title)
        if len(self._phrases) > MOST_PHRASES:
            self._forget_rare()

    def _forget_rare(self) -> None:
        """Let go of phrases met once: the frequent ones are wanted, and memory ends."""
        self._phrases = Counter({phrase: count for phrase, count in self._phrases.items() if count > 1})
        self._examples = {phrase: self._examples[phrase] for phrase in self._phrases}

    def unknown_phrases(self, limit: int, least: int = 3) -> list[Phrase]:
        """Frequent phrases of relevant entries that stand in no rule, most frequent first.

        A phrase that hardly occurs outside a longer one is left out.
        """
        frequent = {phrase: count for phrase, count in self._phrases.items() if count >= least}
        longer = [phrase for phrase in frequent if " " in phrase]
        told = {  # "soap" is told by "soap company" when it hardly stands elsewhere
            part for phrase in longer for part in _parts(phrase) if frequent.get(part, 0) * TOLD <= frequent[phrase]
        }
        ranked = sorted(frequent.items(), key=lambda one: (-one[1], one[0]))
        unknown = (
            Phrase(phrase, count, self._examples[phrase])
            for phrase, count in ranked
            if phrase not in told and not self.tagger.knows(phrase)
        )
        return list(islice(unknown, limit))

    def silent_terms(self) -> list[tuple[str, str]]:
        """(topic, term) of every term that stands in no stored entry, in file order."""
        return [
            (topic, term)
            for topic, term, number in self.tagger.terms()
            if number is not None and number not in self._met
        ]


def _phrases_of(text: str) -> Iterable[str]:
    words: Sequence[str] = fold(text).split()
    for length in range(1, LONGEST_PHRASE + 1):
        for start in range(len(words) - length + 1):
            part = words[start : start + length]
            if part[0] in STOP_WORDS or part[-1] in STOP_WORDS or not any(len(word) > 3 for word in part):
                continue
            if not any(character.isdigit() for word in part for character in word):
                yield " ".join(part)


def _parts(phrase: str) -> set[str]:
    """The shorter phrases inside a phrase."""
    words = phrase.split()
    return {
        " ".join(words[start : start + length])
        for length in range(1, len(words))
        for start in range(len(words) - length + 1)
    }
