"""``ketfeed preview``: what would be stored of an address or a file, without storing it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ketfeed.cli.common import FAILED, console, err, iso, load_catalog_or_exit, settings_from
from ketfeed.errors import BadUrl, PollError
from ketfeed.ingest.limits import Document
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import Catalog, Entry, NormalisedFeed, Outcome, Source, Tagging
from ketfeed.net.client import FEED_ACCEPT, PAGE_ACCEPT, Client, outcome_error
from ketfeed.run.clock import utc_now
from ketfeed.run.service import user_agent
from ketfeed.settings import Settings

_ADDRESS = re.compile(r"(?:https?|feed):", re.IGNORECASE)
AT_A_TIME = 4  # documents read or fetched at once


@dataclass(frozen=True, slots=True)
class Previewed:
    """One argument of the command and what became of it."""

    source: str
    outcome: Outcome
    error: str | None = None
    feed: NormalisedFeed | None = None


def preview(
    ctx: typer.Context,
    what: Annotated[
        list[str], typer.Argument(metavar="URL|FILE|ID...", help="Addresses, files, or ids of feeds.yaml.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One document per line as JSON.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every entry with its notes and reasons, not a table.")] = False,
) -> None:
    """Fetch or read, parse, normalise and tag without storing anything; a note for every repair.

    What is read is exactly what a poll would store. Exit code 1 when one of the documents could not be read.
    """
    settings = settings_from(ctx)
    catalog = load_catalog_or_exit(settings) if settings.config.exists() else Catalog()
    failed = asyncio.run(_run(what, catalog, settings, as_json=as_json, full=full))
    if failed:
        raise typer.Exit(FAILED)


async def _run(what: Sequence[str], catalog: Catalog, settings: Settings, *, as_json: bool, full: bool) -> int:
    failed = 0
    async for result in preview_all(what, catalog, settings):
        failed += result.outcome != "ok"
        if as_json:
            sys.stdout.write(json.dumps(as_record(result), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            _show(result, full=full)
    return failed


async def preview_all(what: Sequence[str], catalog: Catalog, settings: Settings) -> AsyncIterator[Previewed]:
    """Results in the order of the arguments, each as soon as it and those before it are there."""
    sandbox = Sandbox(settings, catalog.rules)
    client = Client(settings, user_agent=user_agent(catalog, settings))
    places = asyncio.Semaphore(AT_A_TIME)

    async def one(argument: str) -> Previewed:
        async with places:
            return await _preview(argument, catalog, client, sandbox)

    tasks: list[asyncio.Task[Previewed]] = []
    try:
        arguments = iter(what)
        for argument in arguments:
            tasks.append(asyncio.create_task(one(argument)))
            if len(tasks) >= 4 * AT_A_TIME:
                yield await tasks.pop(0)
        while tasks:
            yield await tasks.pop(0)
    finally:
        for task in tasks:
            task.cancel()
        await client.aclose()
        sandbox.close()


async def _preview(argument: str, catalog: Catalog, client: Client, sandbox: Sandbox[NormalisedFeed]) -> Previewed:
    source = find_source(argument, catalog)
    try:
        document = await _fetch(source, client) if _ADDRESS.match(source.url) else _open(Path(argument))
        feed = await sandbox.read(document, source, utc_now())
    except PollError as error:
        return Previewed(argument, error.outcome, str(error))
    return Previewed(argument, "ok", None, feed)


def find_source(argument: str, catalog: Catalog) -> Source:
    """The source of feeds.yaml with this id or address, else one with every default for an address or a file."""
    for source in catalog.sources:
        if argument in {source.id, source.url}:
            return source
    slug = re.sub(r"[^a-z0-9]+", "-", argument.lower()).strip("-")[-60:] or "preview"
    return Source(id=slug, url=argument)


async def _fetch(source: Source, client: Client) -> Document:
    accept = FEED_ACCEPT if source.type == "feed" else PAGE_ACCEPT
    url = re.sub(r"^feed:(//)?", "https://", source.url) if source.url.lower().startswith("feed:") else source.url
    result = await client.get(url, headers=source.headers, auth=source.auth, accept=accept)
    problem = outcome_error(result)
    if problem is not None:
        raise problem
    return Document(result.body, result.header("content-type"), result.final_url, result.header("content-location"))


def _open(path: Path) -> Document:
    """A file's bytes; a name that is none fails like an address that is none, and the others are still shown."""
    try:
        return Document(path.read_bytes(), None, "")
    except OSError as error:
        why = error.strerror or str(error)
        raise BadUrl(f"{path}: {why}: name an existing file, an http address or a source's id") from error


# ---------------------------------------------------------------- output


def as_record(result: Previewed) -> dict[str, Any]:
    """The line of ``--json``: names as in the contract of docs/operators.md."""
    feed = result.feed
    record: dict[str, Any] = {
        "source": result.source,
        "outcome": result.outcome,
        "error": result.error,
        "format": feed.info.format if feed else None,
        "title": feed.info.title if feed else None,
        "homepage": feed.info.homepage if feed else None,
        "notes": list(feed.notes) if feed else [],
        "entries": [],
    }
    if feed:
        taggings: Sequence[Tagging | None] = feed.taggings or [None] * len(feed.entries)
        record["entries"] = [
            _entry_record(entry, tagging) for entry, tagging in zip(feed.entries, taggings, strict=True)
        ]
    return record


def _entry_record(entry: Entry, tagging: Tagging | None) -> dict[str, Any]:
    return {
        "id": entry.id,
        "raw_id": entry.raw_id,
        "title": entry.title,
        "link": entry.link,
        "canonical_link": entry.canonical_link,
        "link_is_redirect": entry.link_is_redirect,
        "authors": [asdict(person) for person in entry.authors],
        "published": iso(entry.published),
        "updated": iso(entry.updated),
        "summary": entry.summary,
        "content": entry.content,
        "excerpt": entry.excerpt,
        "categories": [asdict(category) for category in entry.categories],
        "enclosures": [asdict(enclosure) for enclosure in entry.enclosures],
        "image": asdict(entry.image) if entry.image else None,
        "language": entry.language,
        "comments_link": entry.comments_link,
        "comments_count": entry.comments_count,
        "rights": entry.rights,
        "identifiers": list(tagging.identifiers if tagging and tagging.identifiers else entry.identifiers),
        "kind": tagging.kind if tagging else None,
        "topics": [
            {"topic": match.topic, "reasons": [asdict(reason) for reason in match.reasons]}
            for match in (tagging.matches if tagging else ())
        ],
        "relevant": tagging.relevant if tagging else False,
        "relevance_reasons": [asdict(reason) for reason in tagging.relevance_reasons] if tagging else [],
        "notes": list(entry.notes),
    }


def _show(result: Previewed, *, full: bool) -> None:
    if result.feed is None:
        err.print(f"[red]{result.outcome}[/] {escape(result.source)}: {escape(result.error or '')}", soft_wrap=True)
        return
    feed = result.feed
    head = f"[bold]{escape(feed.info.title or result.source)}[/] {feed.info.format}, {len(feed.entries)} entries"
    console.print(head, soft_wrap=True)
    for note in feed.notes:
        console.print(f"  [yellow]note[/] {escape(note)}", soft_wrap=True)
    if full:
        for record in as_record(result)["entries"]:
            console.print_json(data=record)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("date", "title", "topics"):
        table.add_column(name, overflow="fold")
    taggings: Sequence[Tagging | None] = feed.taggings or [None] * len(feed.entries)
    for entry, tagging in zip(feed.entries, taggings, strict=True):
        moment = entry.published or entry.updated
        topics = ", ".join(match.topic for match in tagging.matches) if tagging else ""
        mark = "" if tagging is None or tagging.relevant else "[dim](not relevant)[/] "
        table.add_row(
            f"{moment:%Y-%m-%d %H:%M}" if moment else "–",
            escape(entry.title),
            mark + escape(topics),
        )
    console.print(table)
    kinds = Counter(_kind_of_note(note) for entry in feed.entries for note in entry.notes)
    for kind, count in kinds.most_common():
        console.print(f"  [yellow]note[/] {escape(kind)} ×{count}", soft_wrap=True)


def _kind_of_note(note: str) -> str:
    """The note without what it quotes of one entry, so that equal repairs are counted together."""
    return re.sub(r"(['\"]).*\1", "…", note)
