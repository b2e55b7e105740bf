"""Phrases found in text: folding, and one automaton for any number of phrases.

    original   "Post-Traumatic  Stress: Ésketamine’s role"
    folded     " post traumatic stress esketamine s role "      every word between single spaces

A phrase is looked for as `` word word `` (whole words) or `` word wor`` (a trailing ``*``), so that one linear pass of
an Aho-Corasick automaton finds all of them, overlapping ones included. Places are mapped back to the original text,
word by word, only when somebody asks.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

_WITHOUT_DECOMPOSITION = {
    "ł": "l", "đ": "d", "ð": "d", "ø": "o", "ı": "i", "ħ": "h", "ŧ": "t", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe",
}  # fmt: skip
"""Letters that Unicode does not decompose although readers type the plain ones for them."""

_ODD: set[str] = set()
"""Characters met so far that fold to none or to several: a text that holds one takes the slow, exact way back."""

_HYPHENS = re.compile(r"(?<=\w)[-\u2010-\u2015](?=\w)")


def _fold_character(character: str) -> str:
    """One character folded: letters and digits in their plainest form, invisible marks gone, the rest a space."""
    if character in _WITHOUT_DECOMPOSITION:
        return _WITHOUT_DECOMPOSITION[character]
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return ""
    lowered = character.casefold()
    if "\uac00" <= character <= "\ud7a3":  # Hangul syllables fall apart into jamo; readers do not
        return character
    decomposed = unicodedata.normalize("NFKD", lowered).casefold()
    kept = "".join(
        _WITHOUT_DECOMPOSITION.get(part, part)
        for part in decomposed
        if part.isalnum() and unicodedata.category(part) not in ("Mn", "Me")
    )
    return kept if kept and category[0] in "LNM" else " "


class _Table(dict[int, str]):
    """Translation table filled on demand; ``str.translate`` asks it for every character once."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if len(folded) != 1:
            _ODD.add(chr(code))
        self[code] = folded
        return folded


_TABLE = _Table({code: _fold_character(chr(code)) for code in range(128)})
_ASCII_TABLE = {code: _TABLE[code] for code in range(128)}
_TYPOGRAPHY = (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("–", "-"), ("—", "-"), ("…", "."), ("\xa0", " "))
"""What makes most English feeds non-ASCII. Replaced first: the ASCII table is 6 times faster than the full one."""

_RUN = re.compile(r"  +")


_POSSESSIVE = re.compile(r"(?<=\w)'s\b", re.IGNORECASE)


def _simplified(text: str) -> str:
    """Typographic signs as ASCII and "'s" as spaces, so that "Perry's" is "Perry" and not "Perry s". Same length."""
    if not text.isascii():
        for typographic, plain in _TYPOGRAPHY:
            text = text.replace(typographic, plain)
    if "'" in text:
        text = _POSSESSIVE.sub("  ", text)
    return text


def _spaced(text: str) -> str:
    """Every character folded, runs of spaces not yet collapsed."""
    text = _simplified(text)
    return text.translate(_ASCII_TABLE if text.isascii() else _TABLE)


class FoldedText:
    """A text as the automaton reads it, and the way back to the original characters."""

    __slots__ = ("_removed", "_runs", "_spaced", "_spans", "original", "text")

    def __init__(self, original: str) -> None:
        self.original = original
        self._spaced = _spaced(original)
        self.text = " " + " ".join(self._spaced.split()) + " "
        self._runs: list[int] | None = None  # folded places of spaces that stand for several
        self._removed: list[int] = []  # characters left out up to and including that place
        self._spans: list[tuple[int, int]] | None = None  # only where characters fold to none or to several

    def _measure(self) -> None:
        simplified = _simplified(self.original)
        self._runs = []
        if not simplified.isascii() and not _ODD.isdisjoint(simplified):
            self._spans = list(_spans_one_by_one(simplified))
            return
        spaced = self._spaced
        removed = len(spaced) - len(spaced.lstrip(" "))
        self._runs, self._removed = [0], [removed]
        for match in _RUN.finditer(spaced, removed):
            start, end = match.span()
            self._runs.append(start - removed + 1)
            removed += end - start - 1
            self._removed.append(removed)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Original start and end of the words between the folded places ``start`` and ``end`` (spaces included)."""
        if self._runs is None:
            self._measure()
        runs = self._runs
        assert runs is not None  # noqa: S101  # measured just now
        text = self.text
        first = start + 1 if text[start] == " " else start
        stop = text.index(" ", max(end - 1, first))  # the end of the word a trailing * stands in
        if self._spans is not None:
            first_word = text.count(" ", 0, first) - 1
            last_word = text.count(" ", 0, stop) - 1
            return self._spans[first_word][0], self._spans[last_word][1]
        return (
            first - 1 + self._removed[bisect_right(runs, first) - 1],
            stop - 1 + self._removed[bisect_right(runs, stop - 1) - 1],
        )


def _spans_one_by_one(original: str) -> Iterator[tuple[int, int]]:
    """Word spans where some characters fold to none or to several."""
    start: int | None = None
    end = 0
    for index, character in enumerate(original):
        folded = _TABLE[ord(character)]
        if folded == " ":
            if start is not None:
                yield start, end
                start = None
        elif folded:
            if start is None:
                start = index
            end = index + 1
        elif start is not None:  # an invisible mark belongs to the word it stands in
            end = index + 1
    if start is not None:
        yield start, end


@lru_cache(maxsize=2048)
def fold(text: str) -> str:
    """Case, accents, hyphens and punctuation folded; words between single spaces. Folding twice changes nothing."""
    return " ".join(_spaced(text).split())


def variants(phrase: str) -> tuple[str, ...]:
    """The patterns of a phrase as an editor wrote it, each with the spaces that make it whole words.

    A hyphen between letters stands for a hyphen, a space or nothing: "post-partum" finds "postpartum" too. A trailing
    ``*`` leaves the end of the last word open. Returns nothing for a phrase without a letter or digit.
    """
    phrase = phrase.strip()
    open_end = phrase.endswith("*")
    phrase = phrase.rstrip("*")
    forms = [fold(phrase)]
    if _HYPHENS.search(phrase):
        forms.append(fold(_HYPHENS.sub("", phrase)))
    end = "" if open_end else " "
    return tuple(dict.fromkeys(f" {form}{end}" for form in forms if form))


class Lexicon:
    """Numbered phrases and the automaton that finds them all in one pass.

    ``phrases`` are as editors write them; equal ones share a number. ``numbers[phrase]`` is the number of a phrase.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self.phrases: tuple[str, ...] = tuple(dict.fromkeys(phrases))
        self.numbers: dict[str, int] = {phrase: number for number, phrase in enumerate(self.phrases)}
        owners: dict[str, list[int]] = {}
        for number, phrase in enumerate(self.phrases):
            for pattern in variants(phrase):
                owners.setdefault(pattern, []).append(number)
        self._owners: list[tuple[int, ...]] = [tuple(numbers) for numbers in owners.values()]
        self._trailing = [int(pattern.endswith(" ")) for pattern in owners]
        # The DFA is the fastest to walk; its memory (a few hundred bytes a pattern) is paid once per process.
        implementation = Implementation.DFA if len(owners) < 20_000 else Implementation.ContiguousNFA
        self._automaton = AhoCorasick(list(owners), matchkind=MatchKind.Standard, implementation=implementation)

    def find(self, folded: str) -> Sequence[tuple[int, int, int]]:
        """Every pattern in a FoldedText's ``text``, overlapping ones included: (pattern, start, end), by end."""
        return self._automaton.find_matches_as_indexes(folded, overlapping=True)

    @property
    def trailing(self) -> Sequence[int]:
        """Pattern → 1 when its end is the space after its last word, 0 when that word may go on."""
        return self._trailing

    @property
    def owners(self) -> Sequence[tuple[int, ...]]:
        """Pattern → the numbers of its phrases."""
        return self._owners
