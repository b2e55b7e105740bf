"""``ketfeed diff``: what a changed configuration would do to what a running service follows and has stored."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ketfeed.catalog.schema import duration
from ketfeed.cli.common import FAILED, console, err, load_catalog_or_exit, open_store, print_json, settings_from
from ketfeed.cli.topics import compare, difference_page
from ketfeed.model import Catalog, Source
from ketfeed.store.db import Store

SHOWN = 10  # entries per topic, as `ketfeed topics diff` shows


@dataclass(frozen=True, slots=True)
class Changed:
    """A source that the new files say otherwise: setting → (before, after)."""

    id: str
    settings: dict[str, tuple[Any, Any]]

    @property
    def rescheduled(self) -> bool:
        """Whether it will be polled at other times or elsewhere."""
        return bool(self.settings.keys() & {"url", "type", "every", "paused"})


def diff(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="Folder with the changed files; else the configured one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 when something would change.")] = False,
) -> None:
    """Show what the files of a folder would change: sources added, removed, changed and rescheduled; entries re-tagged.

    They are compared with what the store remembers of the last configuration in force and of every entry. Nothing is
    written. Use it before a change is live, with --config on a copy of the folder, or while no service is running.
    """
    settings = settings_from(ctx, config=config)
    catalog = load_catalog_or_exit(settings)
    with open_store(settings) as store:
        added, removed, changed = compare_sources(store, catalog)
        topics = compare(store, catalog)
    if as_json:
        print_json(
            {
                "sources": {
                    "added": [source.id for source in added],
                    "removed": removed,
                    "changed": {one.id: {key: list(both) for key, both in one.settings.items()} for one in changed},
                    "rescheduled": [one.id for one in changed if one.rescheduled],
                },
                **topics.as_json(),
            }
        )
    else:
        _show_sources(added, removed, changed)
        console.print(difference_page(topics, catalog, SHOWN))
    if exit_code and (added or removed or changed or topics):
        raise typer.Exit(FAILED)


def compare_sources(store: Store, catalog: Catalog) -> tuple[list[Source], list[str], list[Changed]]:
    """Sources that are new, those that are no longer there, and those that differ, in the order of the files."""
    states = {state.source_id for state in store.sources.states()}
    added = [source for source in catalog.sources if source.id not in states]
    wanted = {source.id for source in catalog.sources}
    removed = sorted(states - wanted)
    changed = []
    for source in catalog.sources:
        before = store.sources.definition(source.id) if source.id in states else None
        if before is not None and (settings := _differences(before, source)):
            changed.append(Changed(source.id, settings))
    return added, removed, changed


def _differences(before: Source, after: Source) -> dict[str, tuple[Any, Any]]:
    return {
        field.name: (getattr(before, field.name), getattr(after, field.name))
        for field in fields(Source)
        if getattr(before, field.name) != getattr(after, field.name)
    }


def _show_sources(added: list[Source], removed: list[str], changed: list[Changed]) -> None:
    for source in added:
        console.print(
            f"[green]+[/] source [bold]{escape(source.id)}[/] {escape(source.url)}", highlight=False, soft_wrap=True
        )
    for name in removed:
        console.print(f"[red]−[/] source [bold]{escape(name)}[/]: its entries are no longer published", highlight=False)
    for one in changed:
        told = "; ".join(f"{key}: {_word(key, old)} → {_word(key, new)}" for key, (old, new) in one.settings.items())
        mark = " (rescheduled)" if one.rescheduled else ""
        console.print(
            f"[yellow]~[/] source [bold]{escape(one.id)}[/] {escape(told)}{mark}", highlight=False, soft_wrap=True
        )
    err.print(f"sources: {len(added)} added, {len(removed)} removed, {len(changed)} changed", highlight=False)


def _word(key: str, value: object) -> str:
    if key == "every":
        return duration(value) if isinstance(value, int) else "adaptive"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return "none" if value is None else str(value)
