"""A document under tests/feeds and its twin: what must be read of it, fields at their default left out."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ketfeed.errors import PollError
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document
from ketfeed.model import Entry, PageRule, SitemapRule, Source

FEEDS = Path(__file__).parents[1] / "feeds"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
UNSEEN = {"id", "source_id", "raw_title", "raw_summary", "raw_content"}
"""Fields a twin does not repeat: made of others, or the document's own words."""

DEFAULTS = {field.name: field.default for field in fields(Entry)}


def case_of(path: Path) -> dict[str, Any]:
    """The twin of a document: ``NAME.ext.json``."""
    twin: dict[str, Any] = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    return twin


def outcome_of(path: Path, case: dict[str, Any]) -> dict[str, Any]:
    """What reading the document gives now, in the form of a twin."""
    rule = case.get("rule", {})
    kind = case.get("type", "feed")
    source = Source(
        id="case",
        url=case["url"],
        type=kind,
        page=PageRule(**rule) if kind == "page" else PageRule(),
        sitemap=SitemapRule(**rule) if kind == "sitemap" else SitemapRule(),
    )
    try:
        document = Document(path.read_bytes(), case.get("content_type"), case["url"])
        feed = read_document(document, source, NOW, Limits())
    except PollError as error:
        return {"outcome": error.outcome, "error": str(error)}
    return {
        "outcome": "ok",
        "format": feed.info.format,
        "notes": list(feed.notes),
        **({"more": list(feed.more)} if feed.more else {}),
        "entries": [_plain(entry) for entry in feed.entries],
    }


def _plain(entry: Entry) -> dict[str, Any]:
    values = asdict(entry)
    kept = {name: value for name, value in values.items() if name not in UNSEEN and value != DEFAULTS[name]}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=lambda moment: moment.isoformat()))
    return plain
