"""What every command needs: settings, the catalog, the store, and two consoles."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import typer
from rich.console import Console

from ketfeed.catalog.checks import Surroundings
from ketfeed.catalog.load import load_catalog
from ketfeed.errors import CatalogError
from ketfeed.model import Catalog
from ketfeed.settings import Settings, load_settings
from ketfeed.store.db import Store

console = Console()
"""Standard output: results."""

err = Console(stderr=True)
"""Standard error: progress, warnings, errors."""

FAILED, WRONG = 1, 2
"""Exit codes beside 0, done: something asked for failed; wrong usage or configuration."""


def settings_from(ctx: typer.Context, **overrides: object) -> Settings:
    """The environment with the options given before the command (``--config`` ...) and the command's own over it.

    Raises UsageError.
    """
    given = dict(ctx.find_root().obj or {})
    given |= {name: value for name, value in overrides.items() if value is not None}
    return load_settings(**given)


def surroundings(settings: Settings) -> Surroundings:
    """What this environment allows and has, for warnings about the editors' files."""
    return Surroundings(settings.allow_networks, frozenset(os.environ), settings.min_interval, settings.max_interval)


def load_catalog_or_exit(settings: Settings) -> Catalog:
    """The checked catalog; warnings are counted on standard error, errors end the command with exit code 2."""
    loaded = load_catalog(settings.config, surroundings(settings))
    if loaded.catalog is None:
        raise CatalogError(loaded.errors)
    if loaded.complaints:
        count = len(loaded.complaints)
        said = f"{count} warnings" if count > 1 else "1 warning"
        err.print(f"[yellow]{said}[/] about the configuration: ketfeed check shows them", highlight=False)
    return loaded.catalog


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store, brought up to date with this version's tables; closed when the block ends. Raises StoreError."""
    store = Store.open(settings.database)
    try:
        yield store
    finally:
        store.close()


def print_json(value: object) -> None:
    """Write one JSON value to standard output, whole, readable, with UTC times as ``2026-01-31T12:00:00Z``."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")
    sys.stdout.flush()


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error when that is a terminal, nothing otherwise; yields "so many more are done"."""
    if not sys.stderr.isatty() or total == 0:
        yield lambda _more: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


def iso(moment: datetime | None) -> str | None:
    """2026-01-31T12:00:00Z"""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(moment: datetime | None, now: datetime) -> str:
    """A time as people say it: ``in 25 min``, ``3 h ago``, ``–`` for None."""
    from ketfeed.run.cadence import in_words

    if moment is None:
        return "–"
    seconds = (moment - now).total_seconds()
    return f"in {in_words(seconds)}" if seconds >= 0 else f"{in_words(-seconds)} ago"


def due(moment: datetime | None, now: datetime) -> str:
    """When something is to happen: ``in 25 min``, ``now`` when its time has come, ``–`` for None."""
    return "now" if moment is not None and moment <= now else ago(moment, now)


def _plain(value: object) -> Any:  # noqa: ANN401  # whatever json can write
    if isinstance(value, datetime):
        return iso(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
