"""Identifiers of papers and trials that a document states in fields of its own (prism:doi, dc:identifier, ids, links).

Only fields are read here; what stands in running text is found by topics/identify.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

_DOI = re.compile(r"(?:^|doi[:./ ]{0,3}(?:org/)?|/|=)\s?(10\.\d{4,9}/[^\s\"<>?#&]{1,200})", re.IGNORECASE)
_PMID = re.compile(
    r"(?:^pmid:? ?|pubmed:|pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/pubmed/)(\d{1,8})\b", re.IGNORECASE
)
_PMC = re.compile(r"\b(PMC\d{4,9})\b")
_NCT = re.compile(r"\b(NCT\d{8})\b", re.IGNORECASE)


def stated(fields: Iterable[tuple[str, str]], addresses: Iterable[str | None]) -> tuple[str, ...]:
    """``doi:`` ``pmid:`` ``pmcid:`` ``nct:`` identifiers of the fields and addresses, sorted, once each."""
    found: set[str] = set()
    for name, value in fields:
        _find(value[:500], found)
        if name == "pubmed:pmid" and value.strip().isdecimal():
            found.add(f"pmid:{value.strip()}")
    for address in addresses:
        if address:
            _find(unquote(address[:500]) if "%" in address else address[:500], found)
    return tuple(sorted(found))


def _find(value: str, found: set[str]) -> None:
    if "10." in value and (doi := _DOI.search(value)):
        found.add(f"doi:{_trim(doi[1])}")
    lower = value.lower()
    if ("pm" in lower or "pubmed" in lower) and (pmid := _PMID.search(value)):
        found.add(f"pmid:{pmid[1]}")
    if "PMC" in value and (pmc := _PMC.search(value)):
        found.add(f"pmcid:{pmc[1]}")
    if "nct" in lower and (nct := _NCT.search(value)):
        found.add(f"nct:{nct[1].upper()}")


def _trim(doi: str) -> str:
    """Without what a page's address adds: ``/full``, ``.pdf``, a closing bracket of the text around it."""
    doi = doi.lower().rstrip(".,;:)]}'\"/")
    for end in ("/full", "/abstract", "/pdf", "/epdf", "/fulltext", "/meta", ".pdf", ".full", ".abstract", ".short"):
        doi = doi.removesuffix(end)
    return re.sub(r"v\d{1,2}$", "", doi) if doi.startswith(("10.1101/", "10.64898/", "10.21203/")) else doi
