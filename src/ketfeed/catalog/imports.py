"""Lists of sources from elsewhere → what would be added to feeds.yaml, one row for each thing in the list.

Nothing is fetched and nothing is written here: ``plan`` says what is new, what is known under any spelling and
what is refused, and why; edit.add_sources writes what was agreed to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from ketfeed.catalog.address import FEED_SCHEMES, address_key, find_fault
from ketfeed.catalog.spans import Value
from ketfeed.model import Source

SAFE_IN_ADDRESS = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing of a list: a source, or something that is none (then ``refusal`` says what)."""

    title: str
    url: str | None
    type: Literal["feed", "page", "sitemap"] = "feed"
    fields: Mapping[str, Value] = field(default_factory=dict)  # settings by their key in feeds.yaml
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one candidate."""

    title: str
    xml_url: str | None
    result: Literal["added", "known", "refused"]
    id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A row per candidate in the order of the list, and the sources to add."""

    rows: tuple[Row, ...]
    added: tuple[dict[str, Value], ...]

    def count(self, result: str) -> int:
        """How many rows have a result."""
        return sum(row.result == result for row in self.rows)


def plan(candidates: Iterable[Candidate], sources: Sequence[Source], topics: frozenset[str]) -> Plan:
    """Decide about each candidate. ``topics``: ids that may be given; others are dropped with a reason."""
    known = {address_key(source.url): source.id for source in sources}
    taken = {source.id for source in sources}
    rows: list[Row] = []
    added: list[dict[str, Value]] = []
    for candidate in candidates:
        url = clean_address(candidate.url) if candidate.url else None
        if candidate.refusal or not url:
            rows.append(Row(candidate.title, url, "refused", None, candidate.refusal or "no feed address"))
            continue
        fault = find_fault(url)
        if fault is not None and fault.severity == "error":
            rows.append(Row(candidate.title, url, "refused", None, f"{fault.problem}: {fault.advice}"))
            continue
        key = address_key(url)
        if key in known:
            twice = known[key] not in {source.id for source in sources}
            reason = "twice in this list" if twice else "the same address is followed already"
            rows.append(Row(candidate.title, url, "known", known[key], reason))
            continue
        fields, notes = _fields(candidate, url, taken, topics)
        name = str(fields["id"])
        taken.add(name)
        known[key] = name
        added.append(fields)
        notes += [f"warning: {fault.problem}"] if fault is not None else []
        rows.append(Row(candidate.title or str(fields.get("title", name)), url, "added", name, "; ".join(notes)))
    return Plan(tuple(rows), tuple(added))


def _fields(
    candidate: Candidate, url: str, taken: set[str], topics: frozenset[str]
) -> tuple[dict[str, Value], list[str]]:
    notes: list[str] = []
    given = dict(candidate.fields)
    wanted = str(given.pop("id", "")) or propose_id(candidate.title, url)
    name = free_id(wanted, taken)
    if given.get("topics") is not None:
        listed = [str(topic) for topic in given["topics"]]  # type: ignore[union-attr]  # a list by construction
        unknown = [topic for topic in listed if topic not in topics]
        given["topics"] = [topic for topic in listed if topic in topics]
        if unknown:
            notes.append(f"no topic {', '.join(unknown)} here")
    homepage = given.get("homepage")
    if isinstance(homepage, str) and (fault := find_fault(clean_address(homepage))) and fault.severity == "error":
        given.pop("homepage")
    fields: dict[str, Value] = {"id": name}
    if candidate.title:
        fields["title"] = candidate.title[:1000]
    address = given.pop(candidate.type, None)
    if isinstance(given.get("homepage"), str):
        fields["homepage"] = clean_address(str(given.pop("homepage")))
    fields[candidate.type] = {**address, "url": url} if isinstance(address, Mapping) else url
    fields["topics"] = []  # said on purpose: the rules decide alone
    fields.update({key: value for key, value in given.items() if value is not None})
    return fields, notes


def clean_address(url: str) -> str:
    """An address as a list has it → as feeds.yaml wants it: ``feed:`` spelt as http, white space out, escaped."""
    cleaned = "".join(url.split("\n")).replace("\r", "").replace("\t", "").strip()
    scheme, colon, rest = cleaned.partition(":")
    if colon and scheme.lower() in FEED_SCHEMES:
        cleaned = rest.lstrip("/") if re.match(r"/{0,2}https?:", rest, re.IGNORECASE) else f"http://{rest.lstrip('/')}"
    if " " in cleaned or "{" in cleaned:
        cleaned = quote(cleaned, safe=SAFE_IN_ADDRESS + "{}")
    return cleaned


def propose_id(title: str, url: str) -> str:
    """A slug from a title in Latin letters, else from the host: ``The Lancet`` → ``the-lancet``."""
    slug = slugify(title)
    if len(slug) >= 2:
        return slug
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        host, parts = "", urlsplit("")
    return slugify(f"{host} {parts.path.strip('/')}"[:60]) or "source"


def slugify(text: str) -> str:
    """Lower-case letters and digits of a text joined by ``-``, at most 60 characters; empty when there are none."""
    plain = unicodedata.normalize("NFKD", text.replace("&", " and ")).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    return (
        slug[:60].rstrip("-") if len(slug) <= 60 or "-" not in slug[:60] else slug[:60].rpartition("-")[0].rstrip("-")
    )


def free_id(wanted: str, taken: set[str]) -> str:
    """``wanted``, or with -2, -3 … behind it when it is taken."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name
