"""``ketfeed sources``: whom we follow. Looking is here; adding, changing and lists are in the files beside this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from ketfeed.catalog.edit import set_address
from ketfeed.catalog.schema import duration
from ketfeed.cli.common import ago, console, due, err, iso, load_catalog_or_exit, print_json, settings_from
from ketfeed.cli.feeds_file import agree, open_feeds, show_difference, store_if_there
from ketfeed.cli.sources_add import add
from ketfeed.cli.sources_edit import edit, pause, remove, rename, resume
from ketfeed.cli.sources_lists import export_list, import_list
from ketfeed.errors import UsageError
from ketfeed.model import Catalog, Source, SourceState
from ketfeed.run.cadence import MOVED_AFTER_DAYS
from ketfeed.run.clock import utc_now
from ketfeed.run.health import pace
from ketfeed.store.db import Store
from ketfeed.store.statistics import SourceStatistics

DAYS = 30  # of a source card

app = typer.Typer(help="Whom we follow: add, change, list, import and export sources.", no_args_is_help=True)
app.command("add")(add)
app.command("edit")(edit)
app.command("pause")(pause)
app.command("resume")(resume)
app.command("remove")(remove)
app.command("rename")(rename)
app.command("import")(import_list)
app.command("export")(export_list)


# ---------------------------------------------------------------- list


@app.command("list")
def list_sources(
    ctx: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="In id, title or address.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only sources that give this topic.")] = None,
    group: Annotated[str | None, typer.Option(help="Only this group.")] = None,
    health: Annotated[str | None, typer.Option(help="Only this health, such as failing.")] = None,
    sort: Annotated[str, typer.Option(help="file, id, title, kind, group, health, entries or newest.")] = "file",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, a row per source.")] = False,
) -> None:
    """List sources, all or those that fit every filter."""
    settings = settings_from(ctx)
    catalog = load_catalog_or_exit(settings)
    if sort not in SORTS:
        raise UsageError(f"--sort {sort}: one of {', '.join(SORTS)}")
    with store_if_there(settings) as store:
        states = {state.source_id: state for state in store.sources.states()} if store else {}
    rows = [_row(source, states.get(source.id)) for source in catalog.sources]
    rows = [
        row
        for row in rows
        if (kind is None or row["kind"] == kind)
        and (topic is None or topic in row["topics"])
        and (group is None or row["group"] == group)
        and (health is None or row["health"] == health)
        and all(_mentions(row, word) for word in words or [])
    ]
    if sort != "file":
        rows.sort(key=lambda row: _sort_key(row, sort))
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [row | {"topics": ", ".join(row["topics"])} for row in rows]
    width = {name: max(len(str(row[name])) for row in [*shown, {name: name}]) for name in COLUMNS}
    width["topics"] = min(width["topics"], TOPICS_WIDTH)
    others = sum(width.values()) - width["title"] + 2 * (len(COLUMNS) - 1)
    width["title"] = min(width["title"], max(TITLE_WIDTH, console.width - others))  # gives way where it is narrow
    for name in COLUMNS:
        right = name == "entries"
        table.add_column(name, width=width[name], no_wrap=name != "topics", justify="right" if right else "left")
    for row in rows:
        table.add_row(
            escape(row["id"]), escape(row["title"]), row["kind"], ", ".join(row["topics"]), row["health"],
            str(row["entries"]),
        )  # fmt: skip
    console.print(table)
    err.print(f"{len(rows)} of {len(catalog.sources)} sources", highlight=False)


COLUMNS = ("id", "title", "kind", "topics", "health", "entries")
TOPICS_WIDTH = 18  # the longest id of a topic
TITLE_WIDTH = 8  # at least
SORTS = ("file", "id", "title", "kind", "group", "health", "entries", "newest")


def _row(source: Source, state: SourceState | None) -> dict[str, Any]:
    health = "paused" if source.paused else (state.health if state else "new")
    return {
        "id": source.id,
        "title": source.title,
        "type": source.type,
        "url": source.url,
        "homepage": source.homepage,
        "kind": source.kind,
        "topics": list(source.topics),
        "publish": source.publish,
        "relevance": source.relevance,
        "every": duration(source.every) if source.every else None,
        "priority": source.priority,
        "paused": source.paused,
        "language": source.language,
        "licence": source.licence,
        "group": source.group,
        "health": health,
        "entries": state.entries if state else 0,
        "newest": iso(state.newest_at) if state else None,
        "last_poll": iso(state.last_poll_at) if state else None,
        "next_poll": iso(state.next_poll_at) if state else None,
    }


def _mentions(row: dict[str, Any], word: str) -> bool:
    return any(word.casefold() in str(row[key] or "").casefold() for key in ("id", "title", "url", "homepage"))


def _sort_key(row: dict[str, Any], sort: str) -> Any:  # noqa: ANN401  # whatever can be compared
    if sort == "entries":
        return -row["entries"]
    if sort == "newest":
        return "" if row["newest"] is None else "".join(chr(255 - ord(character)) for character in row["newest"])
    return str(row[sort] or "").casefold()


# ---------------------------------------------------------------- show


@app.command("show")
def show(
    ctx: typer.Context,
    source_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the card of a source: who, licence, health, pace, what it brought in 30 days per topic, newest entries."""
    settings = settings_from(ctx)
    file = open_feeds(settings)
    source = file.source(source_id)
    now = utc_now()
    with store_if_there(settings) as store:
        state = store.sources.state(source_id) if store else None
        counts = store.statistics.source(source_id, now, DAYS) if store else None
        polls = len(store.sources.polls(source_id)) if store else 0
    if as_json:
        print_json(_card(source, state, counts, polls))
        return
    console.print(Panel(_card_table(source, state, counts, now), title=escape(source.title), title_align="left"))
    if counts is not None and counts.newest:
        console.print(_newest(counts))
    if (advice := suggestion(source, state)) is not None:
        err.print(f"[yellow]{escape(advice)}[/]", highlight=False, soft_wrap=True)


def _card(source: Source, state: SourceState | None, counts: SourceStatistics | None, polls: int) -> dict[str, Any]:
    card = _row(source, state)
    card |= {
        "health_since": iso(state.health_since) if state else None,
        "outcome": state.last_outcome if state else None,
        "error": state.last_error if state else None,
        "failures": state.failures if state else 0,
        "next_poll_reason": state.next_poll_reason if state else None,
        "usual_gap": state.gap if state else None,
        "moved_to": state.moved_to if state else None,
        "searched_at": iso(state.searched_at) if state else None,
        "alternative": state.alternative if state else None,
        "alternative_how": state.alternative_how if state else "",
        "polls": polls,
        "days": DAYS,
        "brought": None,
    }
    if counts is not None:
        card["brought"] = {key: value for key, value in asdict(counts).items() if key != "newest"} | {
            "newest": [_entry(one) for one in counts.newest]
        }
    return card


def _entry(stored: Any) -> dict[str, Any]:  # noqa: ANN401  # StoredEntry
    return {
        "id": stored.entry.id,
        "title": stored.entry.title,
        "link": stored.entry.link,
        "date": iso(stored.sort_at),
        "topics": [match.topic for match in stored.tagging.matches],
        "relevant": stored.tagging.relevant,
    }


def _card_table(source: Source, state: SourceState | None, counts: SourceStatistics | None, now: datetime) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    lines: list[tuple[str, str | None]] = [
        ("id", source.id),
        ("address", f"{source.url} ({source.type})"),
        ("homepage", source.homepage),
        ("kind", source.kind),
        ("group", source.group),
        ("publish", f"{source.publish}{f', licence {source.licence}' if source.licence else ''}"),
        ("relevance", "every entry is published" if source.relevance == "all" else "relevant entries are published"),
        ("topics", ", ".join(source.topics) or "by the rules alone"),
        ("polled", f"every {duration(source.every)}" if source.every else "as often as it brings something"),
        ("health", health_sentence(source, state, now)),
    ]
    if state is not None:
        lines += [
            ("last error", state.last_error),
            ("last poll", f"{ago(state.last_poll_at, now)} ({state.last_outcome})" if state.last_poll_at else "never"),
            ("next poll", f"{due(state.next_poll_at, now)} ({state.next_poll_reason})"),
            ("entries", str(state.entries)),
        ]
    if counts is not None:
        share = f"{round(100 * counts.relevant / counts.entries)} %" if counts.entries else "–"
        lines += [
            (
                f"in {DAYS} days",
                f"{counts.entries} entries, {counts.relevant} relevant ({share}), {counts.public} public",
            ),
            ("by topic", ", ".join(f"{topic} {number}" for topic, number in counts.topics.items()) or "none"),
            ("stories", f"{counts.shared} shared with other sources, first with {counts.first} of them"),
        ]
    for name, value in lines:
        if value:
            table.add_row(name, escape(value))
    return table


def health_sentence(source: Source, state: SourceState | None, now: datetime) -> str:
    """Health in words, with since when; silence against the source's own pace."""
    if state is None:
        return "new: never polled"
    word = "paused" if source.paused else state.health
    since = f" since {state.health_since:%Y-%m-%d}" if state.health_since and word != "new" else ""
    return "; ".join(part for part in (f"{word}{since}", pace(state, now)) if part)


def suggestion(source: Source, state: SourceState | None) -> str | None:
    """What to try with a source that is not doing well; None when there is nothing to do."""
    if state is None or source.paused:
        return None
    if state.alternative is not None:
        return (
            f"{state.alternative} may take its place: {state.alternative_how} (found {state.searched_at:%Y-%m-%d}); "
            f"`ketfeed sources edit {source.id} --url {state.alternative}` writes it"
        )
    home = source.homepage or source.url
    return {
        "failing": f"Has it another feed? `ketfeed discover {home}`; `ketfeed sources edit {source.id} --url …`",
        "gone": f"It answered 410. `ketfeed discover {home}`, or `ketfeed sources resume {source.id}` to ask again",
        "blocked": "It does not want our polls: ask the publisher, set auth:, or pause it",
        "moved": "`ketfeed sources moved --apply` writes its new address",
        "quiet": f"Silent for longer than usual: has it moved on? `ketfeed discover {home}`",
    }.get(state.health)


def _newest(counts: SourceStatistics) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("date", "newest entries", "topics"):
        table.add_column(name, overflow="fold")
    for stored in counts.newest:
        topics = ", ".join(match.topic for match in stored.tagging.matches)
        mark = "" if stored.tagging.relevant else "[dim](not relevant)[/] "
        table.add_row(f"{stored.sort_at:%Y-%m-%d}", escape(stored.entry.title), mark + topics)
    return table


# ---------------------------------------------------------------- moved


@app.command("moved")
def moved(
    ctx: typer.Context,
    apply: Annotated[bool, typer.Option("--apply", help="Write the new addresses into feeds.yaml.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, a row per source.")] = False,
) -> None:
    """List sources that redirect for good, seen on several days and still the same feed; --apply corrects the file."""
    settings = settings_from(ctx)
    file = open_feeds(settings)
    with store_if_there(settings) as store:
        found = _moved(file.catalog, store)
    if as_json:
        print_json(
            [{"id": one.source_id, "url": one.url, "moved_to": one.moved_to, "since": iso(one.moved_since),
              "days": one.moved_days} for one in found]
        )  # fmt: skip
    else:
        for one in found:
            told = f"{one.source_id}: {one.url}\n  → {one.moved_to} (seen on {one.moved_days} days)"
            console.print(escape(told), highlight=False, soft_wrap=True)
        if not found:
            err.print("no source has moved")
    if apply and found:
        after = file.text
        for one in found:
            after = set_address(after, one.source_id, str(one.moved_to))
        show_difference(file.path, file.text, after)
        agree(f"Write {len(found)} new addresses?", yes=yes)
        file.write(after)


def _moved(catalog: Catalog, store: Store | None) -> Sequence[SourceState]:
    urls = {source.id: source.url for source in catalog.sources}
    return [
        state
        for state in (store.sources.states() if store else [])
        if state.moved_to and state.moved_days >= MOVED_AFTER_DAYS and urls.get(state.source_id) == state.url
        and state.moved_to != state.url
    ]  # fmt: skip
