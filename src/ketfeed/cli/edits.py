"""``ketfeed edits``: editors' decisions about entries. They are only added, say who and why, and win over rules."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ketfeed.cli.common import console, err, iso, load_catalog_or_exit, open_store, print_json, settings_from
from ketfeed.errors import UsageError
from ketfeed.model import ENTRY_KINDS, Edit, EditAction
from ketfeed.store.db import Store

app = typer.Typer(help="Hide, pin, retag, split or join entries; such decisions win over rules.", no_args_is_help=True)

Entry = Annotated[str, typer.Argument(help="An entry's id, or the beginning of it.", metavar="ENTRY")]
Why = Annotated[str, typer.Option("--why", help="The reason, for those who come later.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; else KETFEED_EDITOR or your login name.")]


@app.command("hide")
def hide(ctx: typer.Context, entry: Entry, why: Why, by: By = None) -> None:
    """Take an entry out of every public feed and page."""
    _decide(ctx, entry, "hide", None, why, by)


@app.command("unhide")
def unhide(ctx: typer.Context, entry: Entry, why: Why, by: By = None) -> None:
    """Take back a hide."""
    _decide(ctx, entry, "unhide", None, why, by)


@app.command("pin")
def pin(ctx: typer.Context, entry: Entry, why: Why, by: By = None) -> None:
    """Publish an entry whatever the rules say, and feature it in feeds of pinned entries."""
    _decide(ctx, entry, "pin", None, why, by)


@app.command("unpin")
def unpin(ctx: typer.Context, entry: Entry, why: Why, by: By = None) -> None:
    """Take back a pin."""
    _decide(ctx, entry, "unpin", None, why, by)


@app.command("add-topic")
def add_topic(ctx: typer.Context, entry: Entry, topic: str, why: Why, by: By = None) -> None:
    """Give an entry a topic that the rules do not."""
    _decide(ctx, entry, "add-topic", _topic(ctx, topic), why, by)


@app.command("remove-topic")
def remove_topic(ctx: typer.Context, entry: Entry, topic: str, why: Why, by: By = None) -> None:
    """Take a topic away, or take back an added one."""
    _decide(ctx, entry, "remove-topic", _topic(ctx, topic), why, by)


@app.command("set-kind")
def set_kind(ctx: typer.Context, entry: Entry, kind: str, why: Why, by: By = None) -> None:
    """Say what sort of entry it is: research, news, review ..."""
    if kind not in ENTRY_KINDS:
        raise UsageError(f"{kind!r} is not a kind; write one of {', '.join(ENTRY_KINDS)}")
    _decide(ctx, entry, "set-kind", kind, why, by)


@app.command("split")
def split(ctx: typer.Context, entry: Entry, why: Why, by: By = None) -> None:
    """Make an entry a story of its own."""
    _decide(ctx, entry, "split", None, why, by)


@app.command("join")
def join(ctx: typer.Context, entry: Entry, other: Entry, why: Why, by: By = None) -> None:
    """Say that an entry, and all of its story, tells the story of another entry."""
    settings = settings_from(ctx)
    with open_store(settings) as store:
        mine, target = store.entries.get(entry).entry.id, store.entries.get(other).entry.id
        members = dict.fromkeys([mine, *(one.entry.id for one in store.entries.story(mine))])
        for member in members:
            if member != target or member == mine:
                _add(store, member, "join", target, why, by or settings.editor)


@app.command("list")
def list_(
    ctx: typer.Context,
    entry: Annotated[str | None, typer.Argument(help="Only decisions about this entry.", metavar="[ENTRY]")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Decisions to show.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, newest first.")] = False,
) -> None:
    """Show decisions, newest first."""
    with open_store(settings_from(ctx)) as store:
        edits = store.edits.list(entry, limit)
        names = {edit.entry_id: _title(store, edit.entry_id) for edit in edits}
    if as_json:
        print_json(
            [
                {
                    "entry": edit.entry_id, "action": edit.action, "value": edit.value, "by": edit.by,
                    "at": iso(edit.at), "why": edit.why,
                }
                for edit in edits
            ]
        )  # fmt: skip
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("when", "by", "edit", "entry", "title", "why"):
        table.add_column(name, overflow="fold", no_wrap=name == "when")
    for edit in edits:
        said = f"{edit.action} {(edit.value or '')[:20]}".strip()
        title = names[edit.entry_id]
        cells = (f"{edit.at:%Y-%m-%d %H:%M}", edit.by, said, edit.entry_id[:8], title, edit.why)
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table if edits else "No editor has decided anything yet.")


@app.command("export")
def export(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="File to write; none: standard output.", metavar="[FILE]")] = None,
) -> None:
    """Write all decisions as YAML, oldest first, to keep in git or to move to another database."""
    with open_store(settings_from(ctx)) as store:
        edits = store.edits.export()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    if file is None:
        yaml.dump({"edits": edits}, sys.stdout)
        return
    half = file.with_name(f".{file.name}.half")
    with half.open("w", encoding="utf-8") as stream:
        yaml.dump({"edits": edits}, stream)
    half.replace(file)
    err.print(f"{len(edits)} edits written to {escape(str(file))}.")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="YAML as `ketfeed edits export` writes it.", metavar="FILE")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with the counts.")] = False,
) -> None:
    """Read decisions back. Those already known are left alone; those about entries not stored yet wait for them."""
    edits = _read(file)
    with open_store(settings_from(ctx)) as store:
        try:
            loaded = store.edits.load(edits, datetime.now(UTC))
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
    if as_json:
        print_json({"added": loaded.added, "known": loaded.known, "waiting": loaded.waiting})
    else:
        console.print(f"{loaded.added} added, {loaded.known} known before, {loaded.waiting} wait for their entry.")


def _read(file: Path) -> list[dict[str, Any]]:
    """The edits of a file. Raises UsageError."""
    try:
        said = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, YAMLError) as error:
        raise UsageError(f"{file} is not YAML: {error}") from error
    edits = said.get("edits") if isinstance(said, dict) else None
    if not isinstance(edits, list) or not all(isinstance(one, dict) for one in edits):
        raise UsageError(f"{file}: write `edits:` and below it one list item per edit, as `ketfeed edits export` does")
    return edits


def _decide(ctx: typer.Context, entry: str, action: EditAction, value: str | None, why: str, by: str | None) -> None:
    settings = settings_from(ctx)
    with open_store(settings) as store:
        _add(store, entry, action, value, why, by or settings.editor)


def _add(store: Store, entry: str, action: EditAction, value: str | None, why: str, by: str | None) -> None:
    editor = by or getuser()
    edit = store.edits.add(Edit(entry_id=entry, action=action, value=value, by=editor, at=datetime.now(UTC), why=why))
    err.print(
        escape(f"{edit.entry_id[:8]} {action} {edit.value or ''}: {_title(store, edit.entry_id)}"), highlight=False
    )


def _title(store: Store, entry_id: str) -> str:
    found = store.entries.find(entry_id)
    return found.entry.title if found else "(not stored yet)"


def _topic(ctx: typer.Context, topic: str) -> str:
    """A topic of topics.yaml. Raises UsageError."""
    known = [rule.id for rule in load_catalog_or_exit(settings_from(ctx)).rules.topics]
    if topic not in known:
        raise UsageError(f"{topic!r} is no topic of topics.yaml; there are {', '.join(known) or 'none'}")
    return topic
