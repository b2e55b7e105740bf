"""Small rules and entries for the tests of topics."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ketfeed.catalog.load import load_catalog
from ketfeed.model import Entry, RuleSet, Source, Term, TopicRule

ROOT = Path(__file__).parents[2]
SOURCE = Source(id="somewhere", url="https://example.org/feed", title="Somewhere")


def entry(title: str = "", summary: str = "", **fields: object) -> Entry:
    """An entry with a title and a summary; identity from the fields or fixed."""
    given: dict[str, object] = {"id": "e1", "source_id": "somewhere", "raw_id": "e1", "link": None}
    given |= {"title": title, "summary": summary, "excerpt": summary} | fields
    return Entry(**given)  # type: ignore[arg-type]  # the caller names fields of Entry


def rules(*terms: Term | str, topic: str = "t", **fields: object) -> RuleSet:
    """A rule set of one topic."""
    made = tuple(Term(text=term) if isinstance(term, str) else term for term in terms)
    rule = TopicRule(id=topic, title=topic, terms=made, **fields)  # type: ignore[arg-type]  # fields of TopicRule
    return RuleSet(topics=(rule,))


def shipped() -> RuleSet:
    """The rules of config/topics.yaml."""
    loaded = load_catalog(ROOT / "config")
    assert loaded.catalog is not None, "\n".join(map(str, loaded.complaints))
    return loaded.catalog.rules


def day(number: int) -> datetime:
    """Noon of a day in March 2025."""
    return datetime(2025, 3, number, 12, tzinfo=UTC)
