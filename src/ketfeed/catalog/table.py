"""Sources as a table (CSV, RFC 4180): for spreadsheets, and for lists that people keep in them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence

from ketfeed.catalog.imports import Candidate
from ketfeed.catalog.opml import JSON_KEYS, PLAIN_KEYS, read_settings, settings_of
from ketfeed.catalog.outlines import decode, squeeze
from ketfeed.model import Source

COLUMNS = (
    "id", "title", "type", "url", "homepage", "kind", "topics", "publish", "relevance", "every", "priority", "paused",
    "language", "licence", "group", "headers", "auth", "page", "sitemap",
)  # fmt: skip
OTHER_NAMES = {
    "url": ("url", "feed_url", "xml_url", "xmlurl", "feed", "rss", "address", "link"),
    "title": ("title", "name", "text"),
    "homepage": ("homepage", "html_url", "htmlurl", "site", "website"),
    "group": ("group", "folder", "category"),
    "topics": ("topics", "tags"),
}
DELIMITERS = ",;\t"
SEPARATOR_LINE = re.compile(r"\A\"?sep=.\"?\r?\n", re.IGNORECASE)  # what a spreadsheet writes above the header
LIST_MARK = re.compile(r"\s*[;|]\s*")


class NotATable(ValueError):
    """No header line with a column for addresses."""


def write_table(sources: Sequence[Source]) -> bytes:
    """A header line and one line per source; topics joined by ``;``, mappings as JSON."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n", restval="")
    writer.writeheader()
    for source in sources:
        row = {"title": source.title, "type": source.type, "url": source.url, "homepage": source.homepage or ""}
        row |= settings_of(source)
        row["topics"] = ";".join(source.topics)
        writer.writerow(row)
    return out.getvalue().encode()


def read_table(raw: bytes) -> list[Candidate]:
    """One candidate per line below the header; columns in any order and under their usual other names.

    Raises NotATable when there is no column with addresses.
    """
    text = SEPARATOR_LINE.sub("", decode(raw).lstrip())
    for delimiter in DELIMITERS:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
        try:
            columns = _columns(reader.fieldnames or ())
            if "url" in columns:
                return [_candidate(row, columns) for row in reader]
        except csv.Error as error:
            raise NotATable(f"line {reader.line_num}: {error}") from error
    raise NotATable(f"no column url: the first line names the columns, as in {','.join(COLUMNS[:6])}")


def _columns(header: Sequence[str]) -> dict[str, str]:
    """Our name of a column → its name in this table."""
    names = {squeeze(name or "").lower().replace(" ", "_"): name for name in header}
    columns = {key: names[other] for key, others in OTHER_NAMES.items() for other in reversed(others) if other in names}
    return columns | {key: names[key] for key in COLUMNS if key in names and key not in columns}


def _candidate(row: Mapping[str | None, object], columns: Mapping[str, str]) -> Candidate:
    given = {key: squeeze(str(row.get(name) or "")) for key, name in columns.items()}
    title, url = given.pop("title", ""), given.pop("url", "")
    type_ = given.pop("type", "") or ("page" if given.get("kind") == "page" else "feed")
    homepage = given.pop("homepage", "")
    ours = {key: value for key, value in given.items() if value and key in (*PLAIN_KEYS, *JSON_KEYS)}
    if "topics" in ours:
        ours["topics"] = json.dumps([topic for topic in LIST_MARK.split(ours["topics"]) if topic])
    fields = read_settings(ours)
    if homepage:
        fields["homepage"] = homepage
    if type_ not in ("feed", "page", "sitemap"):
        return Candidate(title, url or None, refusal=f"type {type_} is not feed, page or sitemap")
    return Candidate(title, url or None, type_, fields)  # type: ignore[arg-type]  # one of the three words
