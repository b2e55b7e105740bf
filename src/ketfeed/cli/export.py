"""ketfeed export: the whole site as files."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ketfeed.cli.common import console, err, load_catalog_or_exit, open_store, print_json, settings_from
from ketfeed.publish.export import export as write_site
from ketfeed.publish.feeds import Publisher
from ketfeed.web.desk import base_url_of
from ketfeed.web.files import Files


def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write into; made if missing.")],
    base_url: Annotated[
        str | None, typer.Option(help="Public address of the site. [KETFEED_BASE_URL, then site.base_url]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print counts as JSON.")] = False,
) -> None:
    """Write feeds, pages, archives and OPML as files for any static host.

    Only what changed is written, each file in one step, with .gz and .br twins. So a job that runs
    "ketfeed poll && ketfeed export public/" and any host of files are a complete installation.
    """
    settings = settings_from(ctx, base_url=base_url)
    catalog = load_catalog_or_exit(settings)
    address = base_url_of(settings, catalog)
    if not (settings.base_url or catalog.site.base_url):
        err.print(f"[yellow]warning[/] no public address given: feeds will point to {address}; use --base-url")
    now = datetime.now(UTC)
    with open_store(settings) as store:
        publisher = Publisher(store, catalog, address, folder=settings.data / "published")
        files = Files(publisher, now)
        columns = (SpinnerColumn(), TextColumn("{task.completed} files"), TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            task = progress.add_task("export", total=None)
            done = write_site(files.read, folder, address, files.start(), lambda: progress.advance(task))
    if json:
        print_json(asdict(done))
        return
    console.print(f"{folder}: {done.written} written, {done.unchanged} unchanged, {done.removed} removed")
