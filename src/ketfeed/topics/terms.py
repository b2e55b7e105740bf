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
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

_WITHOUT_DECOMPOSITION = {
    "ł": "l", "đ": "d", "ð": "d", "ø": "o", "ı": "i", "ħ": "h", "ŧ": "t", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe",
}  # fmt: skip
"""Letters that Unicode does not decompose although readers type the plain ones for them."""

_ODD: set[str] = set()
"""Characters met so far that fold to none or to several: the way back has to count them."""

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


SEPARATOR = "\x01"
"""Between the texts that are folded as one: a word of its own that no phrase holds."""

_BETWEEN = f" {SEPARATOR} "

_TABLE = _Table({code: _fold_character(chr(code)) for code in range(128)} | {ord(SEPARATOR): SEPARATOR})
_ASCII_TABLE = {code: _TABLE[code] for code in range(128)}

_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_RUN = re.compile(r"  +")
_POSSESSIVE = re.compile(r"'(?<=\w')s\b", re.IGNORECASE)
"""The apostrophe stands first, so that the search leaps from one to the next."""


def _simplified(text: str) -> str:
    """Curly apostrophes straight and "'s" as spaces, so that "Perry's" is "Perry" and not "Perry s". Same length."""
    if not text.isascii():
        text = text.replace("’", "'").replace("‘", "'")
    if "'" in text:
        text = _POSSESSIVE.sub("  ", text)
    return text


def _spaced(simplified: str) -> str:
    """Every character folded, runs of spaces not yet collapsed.

    Most texts hold few characters outside ASCII; with those folded first, the ASCII table does, 6 times faster.
    """
    if not simplified.isascii():
        folded = _FOREIGN.sub(_fold_run, simplified)
        if not folded.isascii():
            return simplified.translate(_TABLE)
        simplified = folded
    return simplified.translate(_ASCII_TABLE)


def _fold_run(run: re.Match[str]) -> str:
    return run.group().translate(_TABLE)


class FoldedText:
    """Texts as the automaton reads them, folded as one, and the way back to the original characters.

    ``text`` has single spaces around every word and SEPARATOR between two texts; ``original`` is what was given.
    """

    __slots__ = ("_odd", "_removed", "_runs", "_simplified", "_spaced", "original", "text")

    def __init__(self, *texts: str) -> None:
        original = _BETWEEN.join(texts)
        if original.count(SEPARATOR) >= len(texts):
            original = _BETWEEN.join([text.replace(SEPARATOR, " ") for text in texts])
        self.original = original
        self._simplified = _simplified(original)
        self._spaced = f" {_spaced(self._simplified)} "
        self.text = _RUN.sub(" ", self._spaced)
        self._runs: list[int] | None = None  # folded places of spaces that stand for several
        self._removed: list[int] = []  # characters left out before each of them, and before the end
        self._odd: _Odd | None = None  # characters that fold to none or to several

    def starts(self) -> list[tuple[int, int]]:
        """Where each text begins: the place of the space before its first word, and of its first original character."""
        found = [(0, 0)]
        folded = self.text.find(SEPARATOR)
        while folded >= 0:
            found.append((folded + 1, self.original.index(SEPARATOR, found[-1][1]) + 2))
            folded = self.text.find(SEPARATOR, folded + 1)
        return found

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Original start and end of the words between the folded places ``start`` and ``end`` (spaces included)."""
        runs = self._measured() if self._runs is None else self._runs
        text, removed = self.text, self._removed
        first = start + 1 if text[start] == " " else start
        last = text.index(" ", max(end - 1, first)) - 1  # the end of the word a trailing * stands in
        first += removed[bisect_left(runs, first)] - 1
        last += removed[bisect_left(runs, last)] - 1
        if self._odd is None:
            return first, last + 1
        return self._odd.original(first), self._odd.end(last)

    def _measured(self) -> list[int]:
        runs: list[int] = []
        removed = [0]
        for match in _RUN.finditer(self._spaced):
            start, end = match.span()
            runs.append(start - removed[-1])
            removed.append(removed[-1] + end - start - 1)
        self._runs, self._removed = runs, removed
        if not self._simplified.isascii() and (met := _ODD.intersection("".join(_FOREIGN.findall(self._simplified)))):
            self._odd = _Odd(self._simplified, met)
        return runs


class _Odd:
    """The way back through the characters of a text that fold to none or to several."""

    def __init__(self, text: str, met: set[str]) -> None:
        self._text = text
        self._places = sorted(match.start() for odd in met for match in re.finditer(re.escape(odd), text))
        self._ends: list[int] = []  # where their folded forms end
        self._longer = [0]  # by how much the folded text is longer before each of them, and before the end
        for place in self._places:
            self._longer.append(self._longer[-1] + len(_TABLE[ord(text[place])]) - 1)
            self._ends.append(place + 1 + self._longer[-1])

    def original(self, folded: int) -> int:
        """The place of the character that gave the one at a folded place."""
        before = bisect_right(self._ends, folded)
        place = folded - self._longer[before]
        return min(place, self._places[before]) if before < len(self._places) else place

    def end(self, folded: int) -> int:
        """The end of a word whose last character gave the one at a folded place, with invisible marks after it."""
        place = self.original(folded) + 1
        while place < len(self._text) and not _TABLE[ord(self._text[place])]:
            place += 1
        return place


def fold(text: str) -> str:
    """Case, accents, hyphens and punctuation folded; words between single spaces. Folding twice changes nothing."""
    return _folded(text) if len(text) <= _SHORT else _folded.__wrapped__(text)


_SHORT = 200
"""Characters of words and titles, which come again; longer texts are seen once, and remembering them takes memory."""


@lru_cache(maxsize=2048)
def _folded(text: str) -> str:
    return " ".join(_spaced(_simplified(text.replace(SEPARATOR, " "))).split())


def folded_length(text: str) -> int:
    """Characters of a folded text with the spaces around it."""
    return len(_RUN.sub(" ", f" {_spaced(_simplified(text))} "))


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


class Pieces:
    """Which of many pieces of words, in lower case, stand in a text, by one pass over it."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = tuple(dict.fromkeys(pieces))
        self._automaton = AhoCorasick(self._pieces, implementation=Implementation.DFA)

    def found(self, text: str) -> set[str]:
        """Those that stand in a text, whatever the case of its letters."""
        text = text.lower()
        if not text.isascii():  # letters that a regular expression takes for s and i
            text = text.replace("ſ", "s").replace("ı", "i").replace("\u0307", "")
        found = self._automaton.find_matches_as_indexes(text, overlapping=True)
        return {self._pieces[piece] for piece, _, _ in found}


class Lexicon:
    """Numbered phrases and the automaton that finds them all in one pass.

    ``phrases`` are as editors write them; equal ones share a number. ``numbers[phrase]`` is the number of a phrase.
    ``pieces`` of words, in lower case, are looked for besides; they have no number.
    """

    def __init__(self, phrases: Iterable[str], pieces: Iterable[str] = ()) -> None:
        self.phrases: tuple[str, ...] = tuple(dict.fromkeys(phrases))
        self.numbers: dict[str, int] = {phrase: number for number, phrase in enumerate(self.phrases)}
        owners: dict[str, list[int]] = {}
        for number, phrase in enumerate(self.phrases):
            for pattern in variants(phrase):
                owners.setdefault(pattern, []).append(number)
        self._owners: list[tuple[int, ...]] = [tuple(numbers) for numbers in owners.values()]
        self._trailing = [int(pattern.endswith(" ")) for pattern in owners]
        # A piece may stand inside of words; where it stands, its folded form does, with spaces for what is no letter.
        folded = [_RUN.sub(" ", _spaced(_simplified(piece))) for piece in pieces]
        # A DFA of the shipped rules takes 8.6 MB in each process, this 1.6, and is walked hardly faster (2.0, 2.3 µs).
        self._automaton = AhoCorasick(
            [*owners, *folded], matchkind=MatchKind.Standard, implementation=Implementation.ContiguousNFA
        )

    def find(self, folded: str) -> Sequence[tuple[int, int, int]]:
        """Every pattern in a FoldedText's ``text``, overlapping ones included: (pattern, start, end), by end."""
        return self.look(folded)[0]

    def look(self, folded: str) -> tuple[Sequence[tuple[int, int, int]], bool]:
        """As ``find``, and whether one of ``pieces`` may stand in the text that was folded (False: none does)."""
        found: list[tuple[int, int, int]] = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        phrases = len(self._owners)
        if not found or max(found)[0] < phrases:
            return found, False
        return [one for one in found if one[0] < phrases], True

    @property
    def trailing(self) -> Sequence[int]:
        """Pattern → 1 when its end is the space after its last word, 0 when that word may go on."""
        return self._trailing

    @property
    def owners(self) -> Sequence[tuple[int, ...]]:
        """Pattern → the numbers of its phrases."""
        return self._owners
