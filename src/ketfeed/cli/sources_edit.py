"""``ketfeed sources edit | pause | resume | remove | rename``: changes of feeds.yaml that keep the editor's hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ketfeed.catalog.edit import remove_source, rename_source, set_address, set_key
from ketfeed.catalog.spans import Value
from ketfeed.cli.common import err, settings_from
from ketfeed.cli.feeds_file import agree, change, open_feeds, show_difference, store_if_there
from ketfeed.errors import UsageError
from ketfeed.model import Source
from ketfeed.run.clock import utc_now

UNSET = (
    "title",
    "homepage",
    "kind",
    "topics",
    "publish",
    "relevance",
    "every",
    "priority",
    "language",
    "licence",
    "group",
)
"""Keys that may be taken out again, so that the default counts."""


def edit(
    ctx: typer.Context,
    source_id: Annotated[str, typer.Argument(metavar="ID")],
    title: Annotated[str | None, typer.Option(help="Name shown beside entries.")] = None,
    url: Annotated[str | None, typer.Option(help="Address that is polled.")] = None,
    homepage: Annotated[str | None, typer.Option(help="Site for people.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of source.")] = None,
    topics: Annotated[str | None, typer.Option(help="Topics of every entry, joined by commas; '' for none.")] = None,
    publish: Annotated[str | None, typer.Option(help="full, summary or link.")] = None,
    relevance: Annotated[str | None, typer.Option(help="filter or all.")] = None,
    every: Annotated[str | None, typer.Option(help="Time between polls, such as 90s, 15m, 1h, 2d.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher wins when a story picks its entry.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP 47 tag for entries that do not say.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the texts.")] = None,
    group: Annotated[str | None, typer.Option(help="Folder of an OPML export.")] = None,
    unset: Annotated[list[str] | None, typer.Option(help="Take a key out, so that the default counts.")] = None,
) -> None:
    """Change settings of a source; only their lines of feeds.yaml change, and nothing when one of them is wrong."""
    given: dict[str, Any] = {
        "title": title, "homepage": homepage, "kind": kind, "publish": publish, "relevance": relevance, "every": every,
        "priority": priority, "language": language, "licence": licence, "group": group,
        "topics": None if topics is None else split_words(topics),
    }  # fmt: skip
    wrong = [key for key in unset or [] if key not in UNSET]
    if wrong:
        raise UsageError(f"--unset {wrong[0]}: one of {', '.join(UNSET)}")
    values: dict[str, Value | None] = {key: value for key, value in given.items() if value is not None}
    values |= dict.fromkeys(unset or [])
    if not values and url is None:
        raise UsageError("nothing to change: say what, such as --title 'New name' or --every 2h")

    def cut(text: str) -> str:
        for key, value in values.items():
            text = set_key(text, source_id, key, value)
        return set_address(text, source_id, url) if url is not None else text

    if not change(settings_from(ctx), source_id, cut):
        err.print("nothing changed: the file says so already")


def split_words(text: str) -> list[str]:
    """``ptsd, pain`` → ``["ptsd", "pain"]``, each once."""
    return list(dict.fromkeys(word for word in text.replace(",", " ").split() if word))


def pause(ctx: typer.Context, source_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Stop polling a source: writes paused: true. Its entries stay published."""
    if not change(settings_from(ctx), source_id, lambda text: set_key(text, source_id, "paused", True)):
        err.print(f"{source_id} is paused already")


def resume(ctx: typer.Context, source_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Poll a source again: takes paused: out, and forgets that the source was gone (410)."""
    settings = settings_from(ctx)

    def cut(text: str) -> str:
        return set_key(text, source_id, "paused", None)

    before = open_feeds(settings).source(source_id)
    changed = change(settings, source_id, cut) if before.paused else False
    if before.paused and open_feeds(settings).source(source_id).paused:  # it comes from <<
        changed = change(settings, source_id, lambda text: set_key(text, source_id, "paused", False))
    with store_if_there(settings) as store:
        state = store.sources.state(source_id) if store is not None else None
        if store is not None and state is not None and state.gone:
            store.sources.resume(source_id, utc_now())
            err.print(f"{source_id} answered 410 before; it is polled again now")
            return
    if not changed:
        err.print(f"{source_id} is not paused")


def remove(
    ctx: typer.Context,
    source_id: Annotated[str, typer.Argument(metavar="ID")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a source out of feeds.yaml; its entries are no longer published, not erased: adding it brings them back."""
    settings = settings_from(ctx)
    file = open_feeds(settings)
    source = file.source(source_id)
    after = remove_source(file.text, source_id)
    show_difference(file.path, file.text, after)
    agree(f"Remove {source_id} ({source.title})?", yes=yes)
    file.write(after)


def rename(
    ctx: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD")],
    new: Annotated[str, typer.Argument(metavar="NEW")],
) -> None:
    """Give a source another id, in feeds.yaml and in the store: its entries, their ids and its history stay."""
    settings = settings_from(ctx)
    file = open_feeds(settings)
    source = file.source(old)
    if any(other.id == new for other in file.catalog.sources if other is not source):
        raise UsageError(f"{new} is another source: choose another id")
    after = rename_source(file.text, old, new)
    with store_if_there(settings) as store:
        if store is not None:
            _refuse_history(source, new, 0 if (known := store.sources.state(new)) is None else known.entries)
        if after != file.text:
            file.write(after)
            show_difference(file.path, file.text, after)
        if store is not None and old != new and store.sources.state(old) is not None:
            store.sources.rename(old, new, utc_now())


def _refuse_history(source: Source, new: str, entries: int) -> None:
    if entries and source.id != new:
        raise UsageError(f"{new} was a source before and has {entries} entries of its own: choose another id")
