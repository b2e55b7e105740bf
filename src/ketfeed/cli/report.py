"""``ketfeed report``: one self-contained page of what the sources brought, for a meeting of editors."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ketfeed.cli.common import err, load_catalog_or_exit, print_json, settings_from
from ketfeed.cli.feeds_file import store_if_there
from ketfeed.cli.report_figures import Figures, counted, figures_of
from ketfeed.errors import KetfeedError, UsageError
from ketfeed.run.clock import utc_now
from ketfeed.settings import Settings
from ketfeed.store.statistics import Overview


def report(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="HTML file to write, - for standard output. [report.html]")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Days to look back.")] = 90,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON object; no page.")] = False,
) -> None:
    """Write an HTML page with plots over sources, topics, relevance, overlap, time of day and most-covered stories.

    The page holds everything it needs (SVG inside, no script, no network).
    """
    if as_json and file is not None:
        raise UsageError("--json prints the figures and writes no page: leave FILE out")
    figures = _figures(settings_from(ctx), days)
    if as_json:
        print_json(figures)
        return
    from ketfeed.cli.report_page import page  # the plots cost 0.2 s that --json and --help need not wait for

    file = file or Path("report.html")
    text = page(figures).encode()
    if str(file) == "-":
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
        return
    try:
        _write(file, text)
    except OSError as error:
        raise KetfeedError(f"{file}: cannot be written ({error.strerror}); nothing was changed") from error
    said = f"{file}: {counted(figures.entries, 'entry')} of {counted(days, 'day')}"
    err.print(escape(said), highlight=False, soft_wrap=True)


def _figures(settings: Settings, days: int) -> Figures:
    catalog = load_catalog_or_exit(settings)
    until = utc_now()
    since = until - timedelta(days=days)
    with store_if_there(settings) as store:
        if store is None:
            nothing = Overview(
                since=since, until=until, sources={}, topics={}, topics_by_week={}, kinds={}, hours=(0,) * 24,
                weekdays=(0,) * 7, overlap={}, stories=(),
            )  # fmt: skip
            return figures_of(catalog, nothing, [], 0)
        overview = store.statistics.overview(since, until)
        return figures_of(catalog, overview, store.sources.states(), store.entries.count())


def _write(path: Path, body: bytes) -> None:
    """Atomic for a file: a reader has the page before or the page after. A device or pipe is written to as it is."""
    from ketfeed.publish.export import replace_file  # with all that publishes; --json and --help need not wait for it

    target = path.resolve()  # a link stays a link
    if target.exists() and not target.is_file():
        target.write_bytes(body)
        return
    replace_file(target, body, mode=target.stat().st_mode & 0o7777 if target.exists() else 0o644)
