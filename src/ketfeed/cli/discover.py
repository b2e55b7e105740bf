"""``ketfeed discover``: which feeds a site offers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ketfeed.cli.common import FAILED, console, err, print_json, settings_from
from ketfeed.ingest.discover import Candidate
from ketfeed.ingest.discover import discover as search_site
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import Catalog
from ketfeed.net.client import Client
from ketfeed.run.clock import utc_now
from ketfeed.run.service import user_agent
from ketfeed.settings import Settings


def discover(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="A site, a page of it, or a feed.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list, a row per candidate.")] = False,
) -> None:
    """Find the feeds of a site, best first, each fetched and read; a sitemap or the page itself where there is none.

    The first line is what to write into feeds.yaml (`feed:`, `sitemap:` or `page:`). Exit code 1 when nothing was
    found.
    """
    settings = settings_from(ctx)
    if "://" not in url:
        url = f"https://{url}"
    found = asyncio.run(_discover(url, settings))
    if as_json:
        print_json([_row(candidate) for candidate in found])
    elif found:
        _show(found)
    if not found:
        err.print(f"{escape(url)}: no feed, no sitemap and no list of articles found", soft_wrap=True)
        raise typer.Exit(FAILED)


async def _discover(url: str, settings: Settings) -> list[Candidate]:
    sandbox = Sandbox(settings, None)
    client = Client(settings, user_agent=user_agent(Catalog(), settings))
    try:
        return await search_site(url, client, sandbox, utc_now(), pause=settings.host_interval)
    finally:
        await client.aclose()
        sandbox.close()


def _row(candidate: Candidate) -> dict[str, object]:
    return {name: value for name, value in asdict(candidate).items() if name != "marks"}


def _show(found: list[Candidate]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "url", "title", "format", "entries", "newest", "found"):
        table.add_column(name, overflow="fold")
    for candidate in found:
        newest = f"{candidate.newest:%Y-%m-%d}" if candidate.newest else "–"
        table.add_row(
            candidate.kind,
            escape(candidate.url),
            escape(candidate.title),
            candidate.format,
            str(candidate.entries),
            newest,
            candidate.found,
        )
    console.print(table)
