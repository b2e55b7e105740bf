"""Regular expressions of editors: timed, and not tried where they cannot match.

    \\b(?:n ?= ?\\d+|\\d+ (?:[a-z]+ )?(?:patients|mice))\\b    needs one of "=", "patients", "mice"

One pass of an automaton tells which pieces an entry holds; a timed search costs more than all of that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import regex

MOST_MATCHES = 8
"""Places of one regular expression in one text that are looked at; repetition counts little."""

REGEX_SECONDS = 0.05
"""For one regular expression in one text; beyond it the expression is taken not to match."""

SHORT = 3
"""Letters of a piece that is worth looking for; shorter ones stand in every text."""

Needs = tuple[frozenset[str], ...]
"""Of each set at least one piece stands, in lower case, wherever the expression matches; empty: not known."""


def compiled(expression: str) -> regex.Pattern[str] | None:
    """A compiled expression; None for what ``re`` (which the loader asks) takes and this engine does not."""
    try:
        return regex.compile(expression, regex.IGNORECASE)
    except regex.error:
        return None


def matches(pattern: regex.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where an expression matches, at most MOST_MATCHES places. A timed ``finditer`` is thrice as slow as this."""
    position = 0
    for _ in range(MOST_MATCHES):
        try:
            found = pattern.search(text, position, timeout=REGEX_SECONDS)
        except TimeoutError:
            return
        if found is None:
            return
        yield found.span()
        position = max(found.end(), found.start() + 1)


def may_match(needs: Needs, pieces: Collection[str]) -> bool:
    """Whether a text with these pieces may hold a match."""
    return not any(some.isdisjoint(pieces) for some in needs)


def needs(expression: str) -> Needs:
    """What must stand in a text for an expression to match; empty when in doubt, as with any rarer syntax."""
    reader = _Reader(expression)
    try:
        found = reader.alternatives()
    except (_UnclearError, IndexError, RecursionError):
        return ()
    return tuple(found) if reader.at == len(expression) else ()


class _UnclearError(Exception):
    """Syntax whose meaning is left to the engine."""


_QUANTIFIER = re.compile(r"(?:(\*|\?|\{0*(?:,\d*)?\})|\+|\{\d+(?:,\d*)?\})[?+]?")
"""Group 1: what it follows may be missing."""

_CLASS = re.compile(r"\[\^?\]?(?:[^\]\[\\]|\\.)*\]")
_GROUP = re.compile(r"\((?:\?:|\?P<\w+>|(\?<?[=!])|(?!\?))")
"""Group 1: it only looks, before or behind."""

_NO_LITERAL = "bBAZdDwWsS"  # after a backslash


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self.at = 0

    def alternatives(self) -> list[frozenset[str]]:
        """What some sequences between bars need, up to the end or a closing bracket."""
        branches = [self._sequence()]
        while self._text.startswith("|", self.at):
            self.at += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        if not all(branches):
            return []
        return [frozenset().union(*[max(branch, key=_telling) for branch in branches])]

    def _sequence(self) -> list[frozenset[str]]:
        found: list[frozenset[str]] = []
        run = ""
        while self.at < len(self._text) and self._text[self.at] not in "|)":
            literal, inner = self._item()
            quantifier = _QUANTIFIER.match(self._text, self.at)
            if literal and quantifier is None:
                run += literal
                continue
            optional = quantifier is not None and quantifier.group(1) is not None
            found += _worthwhile(run if optional else run + literal)
            found += [] if optional else inner
            run = ""
            self.at = quantifier.end() if quantifier else self.at
        return found + _worthwhile(run)

    def _item(self) -> tuple[str, list[frozenset[str]]]:
        """The next letter that must stand as it is, or what the next group needs."""
        character = self._text[self.at]
        if character == "(":
            return "", self._group()
        if character == "[":
            found = _CLASS.match(self._text, self.at)
            if found is None:
                raise _UnclearError
            self.at = found.end()
            return "", []
        if character == "\\":
            character = self._text[self.at + 1]
            self.at += 2
            if character in _NO_LITERAL:
                return "", []
            if character.isalnum():
                raise _UnclearError
            return character if character.isascii() else "", []
        if character in "*+?{}]":
            raise _UnclearError
        self.at += 1
        # Beyond ASCII, engines and ``lower`` differ about what is the same letter.
        return "" if character in ".^$" or not character.isascii() else character.lower(), []

    def _group(self) -> list[frozenset[str]]:
        opened = _GROUP.match(self._text, self.at)
        if opened is None:
            raise _UnclearError
        self.at = opened.end()
        inner = self.alternatives()
        if not self._text.startswith(")", self.at):
            raise _UnclearError
        self.at += 1
        return [] if opened.group(1) else inner


def _worthwhile(run: str) -> list[frozenset[str]]:
    letters = sum(map(str.isalnum, run))
    return [frozenset({run})] if letters >= SHORT or (run.isprintable() and letters < len(run.replace(" ", ""))) else []


def _telling(some: frozenset[str]) -> tuple[int, int]:
    return min(map(len, some)), -len(some)
