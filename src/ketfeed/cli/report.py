"""``ketfeed report``: one self-contained page of what the sources brought, for a meeting of editors."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ketfeed.cli.common import err, load_catalog_or_exit, open_store, settings_from
from ketfeed.cli.report_page import write_report
from ketfeed.errors import UsageError
from ketfeed.run.clock import utc_now


def report(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="HTML file to write.")] = Path("report.html"),
    days: Annotated[int, typer.Option(min=7, max=3660, help="Days to look back.")] = 90,
) -> None:
    """Write an HTML page with plots over sources, topics, relevance, overlap, time of day and most-covered stories.

    The page holds everything it needs (SVG inside, no script, no network).
    """
    settings = settings_from(ctx)
    catalog = load_catalog_or_exit(settings)
    now = utc_now()
    with open_store(settings) as store:
        overview = store.statistics.overview(now - timedelta(days=days), now)
        states = store.sources.states()
    page = write_report(catalog, overview, states, now, days)
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror})") from error
    err.print(f"{days} days in {escape(str(file))}", highlight=False)
