"""``ketfeed classify``: what the rules say of entries in a file, without a store."""

from __future__ import annotations

import calendar
import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ketfeed.cli.common import FAILED, err, load_catalog_or_exit, settings_from
from ketfeed.errors import UsageError
from ketfeed.ingest.urls import absolute, canonical, is_redirect
from ketfeed.model import Catalog, Entry, Reason, Source, Tagging
from ketfeed.topics.match import Tagger, plain
from ketfeed.topics.stories import cluster
from ketfeed.topics.story_rules import report

_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


def classify(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="JSON lines: id, title, summary, content?, source, url, date.", metavar="FILE.jsonl")
    ],
) -> None:
    """Say what each entry of a file is about and why; one JSON line per entry, in the order of the file.

    Uses no other field and no store. Entries that report the same event, paper or announcement get the same story.
    """
    catalog = load_catalog_or_exit(settings_from(ctx))
    entries, complaints = read_lines(file)
    for line in classify_entries(entries, catalog):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    for complaint in complaints:
        err.print(f"{file}:{complaint}", style="red", highlight=False, markup=False)
    if complaints:
        raise typer.Exit(FAILED)


def classify_entries(given: Iterable[dict[str, Any]], catalog: Catalog) -> Iterator[dict[str, Any]]:
    """The answer for each entry; stories are found among them."""
    tagger = Tagger(catalog.rules)
    by_host = {source.id: source for source in catalog.sources}
    rows = []
    for item in given:
        entry = entry_of(item)
        source = by_host.get(entry.source_id) or Source(
            id=entry.source_id, url=entry.link or "", title=entry.source_id, kind="page"
        )
        rows.append((entry, tagger.tag(entry, source), span_of(item.get("date"))))
    groups = cluster([report(entry, tagging, span=span) for entry, tagging, span in rows])
    stories = {index: rows[group[0]][0].id for group in groups if len(group) > 1 for index in group}
    for index, (entry, tagging, _) in enumerate(rows):
        yield answer(entry, tagging, stories.get(index))


def answer(entry: Entry, tagging: Tagging, story: str | None) -> dict[str, Any]:
    """The documented line of an entry. ``story`` is the id of the story's first entry in the file, null when alone."""
    return {
        "id": entry.id,
        "topics": [match.topic for match in tagging.matches],
        "reasons": {match.topic: [reason_of(reason) for reason in match.reasons] for match in tagging.matches},
        "relevant": tagging.relevant,
        "relevance_reasons": [reason_of(reason) for reason in tagging.relevance_reasons],
        "kind": tagging.kind,
        "story": story,
    }


def reason_of(reason: Reason) -> dict[str, Any]:
    """A reason as JSON."""
    return {"term": reason.term, "field": reason.field, "start": reason.start, "text": reason.text}


def read_lines(file: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects of a JSON-lines file and what is wrong in it, as ``line: sentence``. Raises UsageError."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    found: list[dict[str, Any]] = []
    complaints: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            complaints.append(f"{number}: not JSON ({error})")
            continue
        if not isinstance(item, dict) or not isinstance(item.get("id"), (str, int)):
            complaints.append(f'{number}: an object with an id is needed, such as {{"id": "a1", "title": "…"}}')
        elif str(item["id"]) in seen:
            complaints.append(f"{number}: the id {item['id']} occurs twice")
        else:
            seen.add(str(item["id"]))
            found.append(item)
    return found, complaints


def entry_of(item: dict[str, Any]) -> Entry:
    """An entry from the documented fields only; anything that is not text counts as absent."""
    title, summary, content, source = (_text(item.get(name)) for name in ("title", "summary", "content", "source"))
    link = absolute(_text(item.get("url")))
    text = plain(content).strip()
    first, last = span_of(item.get("date")) or (None, None)
    return Entry(
        id=str(item["id"]),
        source_id=source or "file",
        raw_id=str(item["id"]),
        title=title,
        link=link,
        canonical_link=canonical(link) if link else None,
        link_is_redirect=bool(link) and is_redirect(link or ""),
        summary=summary,
        content=content,
        excerpt=plain(summary).strip() or text[:600],
        text=text,
        published=first if first == last else None,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def span_of(date: object) -> tuple[datetime, datetime] | None:
    """First and last moment of ``2024-08-16``, ``2024-08`` or ``2024``; None for anything else."""
    found = _DATE.match(date) if isinstance(date, str) else None
    if not found:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        first = datetime(year or 1, month or 1, day or 1, tzinfo=UTC)
    except ValueError:
        return None
    if day:
        return first, first
    last_month = month or 12
    return first, datetime(first.year, last_month, calendar.monthrange(first.year, last_month)[1], tzinfo=UTC)
