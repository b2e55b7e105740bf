"""Identifiers of papers and trials in links, fields and text, in one normal form each.

https://doi.org/10.1038/S41386-022-01266-9.   → doi:10.1038/s41386-022-01266-9
https://pubmed.ncbi.nlm.nih.gov/39819527/     → pmid:39819527
NCT 04338321                                  → nct:NCT04338321
EudraCT 2019-002991-42, EU CT 2023-503421-27-00 → euct:2019-002991-42, euct:2023-503421-27-00
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from urllib.parse import unquote

from ketfeed.model import Entry

_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"'<>|{}\\^`\[\]]+")
"""Crossref's own advice for modern DOIs (blog "DOIs and matching regular expressions"), minus what only markup uses."""

_PMID = re.compile(
    r"(?:pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/pubmed/|\bPMID\s*[:#]?\s*|\bmed/)(\d{4,8})\b", re.IGNORECASE
)
_PMCID = re.compile(r"\bPMC\s?(\d{4,9})\b", re.IGNORECASE)
_NCT = re.compile(r"\bNCT[\s-]?(\d{8})\b", re.IGNORECASE)
_NCT_BEGINS = re.compile(r"nct[\s-]?\d")
_EUCT = re.compile(r"\b(20\d\d-\d{6}-\d\d(?:-\d\d)?)\b")
_EUCT_WORD = re.compile(r"\beu ?ct\b|\bctis\b")
"""Without one of these, a number of this form is something else (a date and a phone number)."""

_ISRCTN = re.compile(r"\bISRCTN\s?(\d{6,8})\b", re.IGNORECASE)
_EUROPEPMC_ID = re.compile(r"europepmc\.org/(?:abstract|article)/med/(\d{4,8})", re.IGNORECASE)

_IN_ADDRESSES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("nature.com/articles/", re.compile(r"nature\.com/articles/([a-z]*\d[\w.-]*\d\w?)"), "doi:10.1038/{}"),
    ("/bmj.", re.compile(r"bmj\.com/content/\d+/(bmj\.[a-z]?\d+)"), "doi:10.1136/{}"),
    ("plos", re.compile(r"plos\.org/\w+/article\?id=(10\.\d{4}/[\w.]+)"), "doi:{}"),
)
"""Publishers whose addresses hold the DOI's own suffix."""

_TRAILING = ".,;:!?'\""
_PATH_ENDS = re.compile(
    r"(?:/(?:full|abstract|pdf|epdf|meta|fulltext|summary|html?)|\.(?:pdf|full|abstract|short|html?))+$", re.IGNORECASE
)


def normal_doi(found: str) -> str:
    """A DOI in lower case (DOI Handbook 2.4: case-insensitive) without what a sentence or an address put after it."""
    doi = unquote(found)
    doi = re.split(r"[?#&\s]", doi, maxsplit=1)[0]
    while doi:
        if doi[-1] in _TRAILING or (doi[-1] == ")" and doi.count("(") < doi.count(")")):
            doi = doi[:-1]
        else:
            break
    return _PATH_ENDS.sub("", doi).lower()


def _in_text(text: str, pieces: Collection[str] | None = None) -> Iterable[str]:
    """Identifiers in some lines of text and addresses. The cheap tests come first: most texts hold none.

    ``pieces``: which SIGNS stand in it in lower case, if that is known.
    """
    lowered = text.lower()
    has: Callable[[str], bool] = lowered.__contains__ if pieces is None else pieces.__contains__
    if has("10."):
        for match in _DOI.finditer(text.replace("%2F", "/").replace("%2f", "/")):
            doi = normal_doi(match.group())
            if not doi.endswith("/") and len(doi) <= 200:
                yield f"doi:{doi}"
    if has("pubmed") or has("pmid") or has("/med/"):
        for pattern in (_PMID, _EUROPEPMC_ID):
            yield from (f"pmid:{int(match.group(1))}" for match in pattern.finditer(text))
    for sign, pattern, form in _IN_ADDRESSES:
        if has(sign):
            yield from (form.format(match.group(1)) for match in pattern.finditer(lowered))
    if has("pmc"):
        yield from (f"pmcid:PMC{int(match.group(1))}" for match in _PMCID.finditer(text))
    if has("nct") and _NCT_BEGINS.search(lowered):  # "function" has the sign, too
        yield from (f"nct:NCT{match.group(1)}" for match in _NCT.finditer(text))
    if has("isrctn"):
        yield from (f"isrctn:ISRCTN{match.group(1)}" for match in _ISRCTN.finditer(text))
    if has("eudract") or has("clinicaltrials") or (any(map(has, _EUCT_SIGNS)) and _EUCT_WORD.search(lowered)):
        yield from (f"euct:{match.group(1)}" for match in _EUCT.finditer(text))


_EUCT_SIGNS = ("euct", "eu ct", "ctis")
SIGNS = (
    "10.", "pubmed", "pmid", "/med/", *(sign for sign, _, _ in _IN_ADDRESSES), "pmc", "nct", "isrctn", "eudract",
    "clinicaltrials", *_EUCT_SIGNS,
)  # fmt: skip
"""Pieces of which at least one stands, in lower case, wherever an identifier does."""

_SIGNS = frozenset(SIGNS)


def identify(entry: Entry, texts: Iterable[str], pieces: Collection[str] | None = None) -> tuple[str, ...]:
    """Every identifier of an entry, sorted, each once: from its fields, its addresses and ``texts`` (plain text).

    ``pieces``: which SIGNS stand in all that in lower case, if that is known; without any nothing is read.
    """
    if pieces is not None and _SIGNS.isdisjoint(pieces):
        return tuple(sorted(set(entry.identifiers))) if entry.identifiers else ()
    found = set(_in_text("\n".join((entry.link or "", entry.raw_id, *texts)), pieces))  # no identifier spans two lines
    found.update(entry.identifiers)
    return tuple(sorted(found))


def main_identifiers(entry: Entry, identifiers: Sequence[str]) -> tuple[str, ...]:
    """Those that name the entry itself: in its own fields, address or title, not merely cited in its text."""
    if not identifiers:
        return ()
    own = set(_in_text("\n".join((entry.link or "", entry.raw_id, entry.title))))
    own.update(entry.identifiers)
    return tuple(identifier for identifier in identifiers if identifier in own)


def address(identifier: str) -> str | None:
    """Where an identifier can be looked up, or None for a scheme without a public page."""
    scheme, _, value = identifier.partition(":")
    pages = {
        "doi": "https://doi.org/{}",
        "pmid": "https://pubmed.ncbi.nlm.nih.gov/{}/",
        "pmcid": "https://pmc.ncbi.nlm.nih.gov/articles/{}/",
        "nct": "https://clinicaltrials.gov/study/{}",
        "isrctn": "https://www.isrctn.com/{}",
        "euct": "https://euclinicaltrials.eu/search-for-clinical-trials/?lang=en&EUCT={}",
    }
    page = pages.get(scheme)
    return page.format(value) if page else None
