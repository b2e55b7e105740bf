"""Facts that can be read reliably off a report of research, in the source's own words.

Each is one regular expression over title and summary; the first place wins; what cannot be read plainly is left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d{1,6})"

_WHO = (
    "adult|adolescent|pediatric|healthy|hospitali[sz]ed|military|treatment-resistant|depressed|surgical|elderly|older"
)
_PEOPLE = (
    "participants|patients|subjects|volunteers|adults|veterans|inpatients|outpatients|adolescents|women|people|children"
)
_UNITS = r"(?:mg/kg|mg·kg|µg/kg|mcg/kg|mg)(?:\s?/\s?(?:h|hr|hour|min|day))?"
_FORMS = (
    "spray", "nasal", "venous", "infusion", "muscular", "cutaneous", "lingual", "lozenge", "troche", "oral", "topical",
    "release", "dermal", "patch",
)  # fmt: skip
_ROMAN = r"(?:IV|I{1,3})[ab]?"

_PATTERNS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("phase", ("phase",), (
        rf"\bphase\s+(?:[1-4][ab]?(?:\s?[/-]\s?[1-4][ab]?)?|{_ROMAN}(?:\s?/\s?{_ROMAN})?)(?![a-z\d])"
    )),
    ("sample size", ("n=", "n =", *_PEOPLE.split("|")), (
        rf"\b(?:n\s*=\s*{_NUMBER}|{_NUMBER}\s+(?:(?:{_WHO})\s+){{0,3}}(?:{_PEOPLE})\b)"
    )),
    ("animals", ("mice", "rat", "mouse", "rodent", "zebraf", "maca", "monkey", "primate", "pig"), (
        r"\b(?:mice|rats|mouse|rat model|rodents?|zebrafish|macaques?|monkeys|non-?human primates?|piglets"
        r"|guinea pigs)\b"
    )),
    ("randomised", ("randomi",), r"\brandomi[sz]ed\b"),
    ("blinding", ("blind", "mask"), r"\b(?:double|triple|single|observer|rater)[\s-](?:blind(?:ed)?|mask(?:ed)?)\b"),
    ("control", ("controlled", "open"), r"\b(?:placebo|active|sham|midazolam)[\s-]controlled\b|\bopen[\s-]label\b"),
    ("dose", ("mg", "g/kg"), rf"\b\d+(?:\.\d+)?(?:\s?(?:-|–|to|and|or)\s?\d+(?:\.\d+)?)?\s?{_UNITS}\b"),
    ("drug form", _FORMS, (
        r"\b(?:nasal spray|intranasal|intravenous|IV infusions?|infusions?|intramuscular|subcutaneous|sublingual"
        r"|lozenges?|troches?"
        r"|oral(?=\s+(?:low-dose\s+)?(?:es|ar|s-|r-)?ketamine)|topical"
        r"|extended[\s-]release tablets?|prolonged[\s-]release|transdermal"
        r"|microneedle patch)\b"
    )),
)  # fmt: skip
"""Name, pieces of words of which one must stand in the text before the expression is tried, the expression."""

_FACTS = tuple((name, hints, re.compile(pattern, re.IGNORECASE)) for name, hints, pattern in _PATTERNS)


HINTS = tuple(hint for _, hints, _ in _PATTERNS for hint in hints)
"""Pieces of words without which there is no fact."""


def facts(
    texts: Iterable[str], pieces: Collection[str] = HINTS, *, about_drug: bool, about_research: bool
) -> tuple[tuple[str, str], ...]:
    """(name, the source's words) pairs. Form is read only beside the drug; figures of a study only in research.

    ``pieces``: the HINTS that may stand in the texts in lower case.
    """
    if not (about_drug or about_research):
        return ()
    found: list[tuple[str, str]] = []
    both: list[tuple[str, str]] = []  # as written, in lower case
    for name, hints, pattern in _FACTS:
        if name == "drug form":
            if not about_drug:
                continue
        elif not about_research and name != "dose":
            continue
        met = [hint for hint in hints if hint in pieces]
        if not met:
            continue
        both = both or [(text, text.lower()) for text in texts]
        for text, lowered in both:
            match = pattern.search(text) if any(map(lowered.__contains__, met)) else None
            if match:
                found.append((name, match.group(0)))
                break
    return tuple(found)
