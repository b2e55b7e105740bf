"""``ketfeed explain ENTRY``: everything about why an entry is where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from ketfeed.cli.common import console, iso, load_catalog_or_exit, open_store, print_json, settings_from
from ketfeed.model import Catalog, Edit, Reason, Source
from ketfeed.store.records import Standing, StoredEntry

WINDOW = 50  # entries a feed shows unless asked for another number


def explain(
    ctx: typer.Context,
    entry: Annotated[str, typer.Argument(help="An entry's id, or the beginning of it.", metavar="ENTRY")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say everything about one entry: source, dates, topics and relevance with reasons, story, edits, where it stands.

    Ids are shown by ketfeed search and stand in the address of an entry's page.
    """
    settings = settings_from(ctx)
    catalog = load_catalog_or_exit(settings)
    with open_store(settings) as store:
        one = store.entries.get(entry)
        edits = store.edits.list(one.entry.id)
        standings = store.entries.standings(one.entry.id)
        source = store.sources.definition(one.source.id)
    why = visibility(one, source, edits)
    if as_json:
        print_json(document(one, edits, standings, why))
    else:
        console.print(page(one, edits, standings, why, catalog))


def visibility(one: StoredEntry, source: Source | None, edits: Sequence[Edit]) -> list[str]:
    """Why an entry is or is not public, and what would change that: sentences for an editor. Pure."""
    short = one.entry.id[:8]
    if not one.source.active:
        return [f"{one.source.id} left feeds.yaml, so nothing of it is published; write it in again to publish it."]
    if one.hidden:
        return [f"An editor hid it; `ketfeed edits unhide {short}` takes that back."]
    policy = source.relevance if source else "filter"
    overruled = one.pinned or any(edit.action == "add-topic" for edit in edits)
    said: list[str] = []
    if one.tagging.relevant:
        said.append("It is relevant (reasons below).")
    elif policy == "all":
        said.append(f"It is not relevant, but {one.source.id} has `relevance: all`: every entry of it is published.")
    elif overruled:
        said.append("The rules find it not relevant; an editor's pin or topic is stronger.")
    else:
        said.append(
            f"The rules find it not relevant and {one.source.id} has `relevance: filter`. To publish it: a better rule "
            f"in topics.yaml, `relevance: all` for the source, or `ketfeed edits pin {short}`."
        )
    if not one.announced:
        said.append(
            "It was older than the newest entries announced when the source was first polled (`backfill`)"
            + ("; an editor's word is stronger." if overruled else f"; `ketfeed edits pin {short}` publishes it.")
        )
    if one.visible and not one.primary:
        first = one.also[0]
        said.append(
            f"Its story is shown by {first.id[:8]} of {first.source_id}; this entry stands under “also covered by”."
        )
    if one.visible:
        said.append(f"`ketfeed edits hide {short}` would take it out of all feeds.")
    return said


def where(one: Standing, max_per_source: int) -> str:
    """How far a place is from being seen, in words. Pure."""
    if one.rank > WINDOW:
        return f"place {one.rank}: past the newest {WINDOW}, in the archive"
    if one.source_rank > max_per_source and not one.feed.startswith("s:"):
        return (
            f"place {one.rank}, but {one.source_rank - 1} newer ones are of the same source (at most {max_per_source})"
        )
    return f"place {one.rank}"


def address(feed: str) -> str:
    """The address of a listing feed, without its extension."""
    head, _, rest = feed.partition(":")
    words = {"t": "/feeds/", "k": "/feeds/kind/", "s": "/feeds/source/"}
    special = {"all": "/feeds/all", "p": "pinned entries", "u": "entries without topic"}
    return special[feed] if feed in special else f"{words[head]}{rest}"


def document(
    one: StoredEntry, edits: Sequence[Edit], standings: Sequence[Standing], why: Sequence[str]
) -> dict[str, Any]:
    """``explain --json``."""
    return {
        "id": one.entry.id,
        "raw_id": one.entry.raw_id,
        "title": one.entry.title,
        "link": one.entry.link,
        "source": {"id": one.source.id, "title": one.source.title, "url": one.source.url, "active": one.source.active},
        "published": iso(one.entry.published),
        "updated": iso(one.entry.updated),
        "first_seen": iso(one.first_seen),
        "sort_date": iso(one.sort_at),
        "changed": iso(one.changed_at),
        "public": one.visible,
        "why": list(why),
        "relevant": one.tagging.relevant,
        "relevance_reasons": [_reason(reason) for reason in one.tagging.relevance_reasons],
        "kind": one.tagging.kind,
        "kind_reasons": list(one.tagging.kind_reasons),
        "topics": [
            {"topic": match.topic, "score": match.score, "reasons": [_reason(reason) for reason in match.reasons]}
            for match in one.tagging.matches
        ],
        "identifiers": list(one.tagging.identifiers),
        "facts": dict(one.tagging.facts),
        "story": {
            "id": one.story_id,
            "primary": one.primary,
            "reasons": list(one.story_reasons),
            "also": [
                {"id": other.id, "title": other.title, "source": other.source_id, "reasons": list(other.reasons)}
                for other in one.also
            ],
        },
        "edits": edits,
        "feeds": [
            {"feed": address(place.feed), "rank": place.rank, "source_rank": place.source_rank, "entry": place.entry_id}
            for place in standings
        ],
        "notes": list(one.entry.notes),
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "term": reason.term, "field": reason.field, "start": reason.start, "text": reason.text, "weight": reason.weight,
    }  # fmt: skip


def page(
    one: StoredEntry, edits: Sequence[Edit], standings: Sequence[Standing], why: Sequence[str], catalog: Catalog
) -> RenderableType:
    """The same for a terminal."""
    parts: list[RenderableType] = [
        f"[bold]{escape(one.entry.title or '(without title)')}[/]",
        escape(one.entry.link or ""),
    ]
    parts += ["", _facts(one), "", f"[bold]{'Public' if one.visible else 'Not public'}[/]"]
    parts += [f"  {escape(sentence)}" for sentence in why]
    if standings:
        parts += ["", "[bold]Where it stands[/]", _standings(one, standings, catalog.site.max_per_source)]
    parts += ["", "[bold]Topics[/]"]
    if not one.tagging.matches:
        parts.append("  none")
    for match in one.tagging.matches:
        parts += [f"  [cyan]{escape(match.topic)}[/]  score {match.score:.2f}", _reasons(match.reasons)]
    parts += ["", f"[bold]Relevance[/]: {'relevant' if one.tagging.relevant else 'not relevant'}"]
    parts.append(_reasons(one.tagging.relevance_reasons))
    parts.append(f"[bold]Kind[/]: {one.tagging.kind}  [dim]{escape('; '.join(one.tagging.kind_reasons))}[/]")
    parts += _story(one)
    if edits:
        parts += ["", "[bold]Editors' decisions[/], newest first"]
        parts += [
            escape(f"  {edit.at:%Y-%m-%d %H:%M} {edit.by}: {edit.action} {edit.value or ''} – {edit.why}")
            for edit in edits
        ]
    return Group(*parts)


def _facts(one: StoredEntry) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    published = one.entry.published
    how = "first seen" if published is None or one.sort_at == one.first_seen else "published"
    if published is not None and one.sort_at < min(published, one.first_seen):
        how = "as first published; a later date does not move it up"
    rows = [
        ("entry", one.entry.id),
        ("source", f"{one.source.title} ({one.source.id})  {one.source.url}"),
        ("raw id", one.entry.raw_id),
        ("published", iso(published) or "not said"),
        ("updated", iso(one.entry.updated) or "not said"),
        ("first seen", iso(one.first_seen)),
        ("sort date", f"{iso(one.sort_at)}  ({how})"),
        ("changed", iso(one.changed_at)),
        ("identifiers", ", ".join(one.tagging.identifiers)),
        ("facts", ", ".join(f"{name}: {value}" for name, value in one.tagging.facts)),
        ("repairs", "; ".join(one.entry.notes)),
    ]
    for name, value in rows:
        if value:
            table.add_row(name, escape(str(value)))
    return table


def _standings(one: StoredEntry, standings: Sequence[Standing], max_per_source: int) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("feed", no_wrap=True)
    table.add_column("where")
    for place in standings:
        other = "" if place.entry_id == one.entry.id else f", shown by {place.entry_id[:8]}"
        table.add_row(f"  {escape(address(place.feed))}", where(place, max_per_source) + other)
    return table


def _reasons(reasons: Sequence[Reason]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True)
    table.add_column()
    for reason in reasons:
        table.add_row(
            f"    {reason.weight:+.2f}",
            escape(f"{reason.field}:{reason.start}"),
            escape(f"“{reason.text}”  ({reason.term})"),
        )
    return table


def _story(one: StoredEntry) -> list[RenderableType]:
    if not one.also and not one.story_reasons:
        return ["[bold]Story[/]: this entry alone"]
    parts: list[RenderableType] = [
        "",
        f"[bold]Story[/] {one.story_id[:8]}{', shown by this entry' if one.primary else ''}",
    ]
    parts += [f"  [dim]{escape(reason)}[/]" for reason in one.story_reasons]
    for other in one.also:
        parts.append(escape(f"  {other.id[:8]} {other.source_id}: {other.title}"))
        parts += [f"           [dim]{escape(reason)}[/]" for reason in other.reasons]
    if one.also:
        parts.append(f"  `ketfeed edits split {one.entry.id[:8]}` would make it a story of its own.")
    return parts
