"""``ketfeed check``: are the editors' files right, do the rules do what their examples say, do the sources answer?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from ketfeed.catalog.load import Loaded, load_catalog
from ketfeed.catalog.marks import read_marked, show_path
from ketfeed.catalog.schema import FEEDS, TOPICS
from ketfeed.cli.common import (
    FAILED,
    WRONG,
    console,
    err,
    iso,
    print_json,
    progress,
    settings_from,
    surroundings,
)
from ketfeed.cli.feeds_file import store_if_there
from ketfeed.model import Catalog, Complaint
from ketfeed.run.logs import configure_logs
from ketfeed.settings import Settings
from ketfeed.topics.examples import ExampleFailure, check_examples

if TYPE_CHECKING:
    from ketfeed.run.look import Look

COLOURS = {"error": "red", "warning": "yellow"}


def check(
    ctx: typer.Context,
    online: Annotated[bool, typer.Option("--online", help="Visit every source too, politely.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: complaints, and online looks.")] = False,
    form: Annotated[
        Literal["text", "github"], typer.Option("--format", help="github: annotations of a workflow run.")
    ] = "text",
) -> None:
    """Check feeds.yaml and topics.yaml and say everything that is wrong at once.

    Each complaint says file:line:column, the key, what is wrong and what to write instead; the sentences under
    matches: and not: in topics.yaml are proved. Exit code 2 when there is an error, 0 with warnings only; with
    --online, 1 when a source does not answer as it should.
    """
    settings = settings_from(ctx)
    configure_logs(settings.log_format)
    loaded = load_catalog(settings.config, surroundings(settings))
    complaints = [*loaded.complaints, *_example_complaints(loaded, settings.config / TOPICS)]
    looks = _look(settings, loaded.catalog, complaints) if online and loaded.catalog is not None else None
    if as_json:
        print_json(_as_json(complaints, looks))
    elif form == "github":
        sys.stdout.writelines(_annotation(complaint) for complaint in complaints)
    else:
        _show(loaded.catalog, complaints, looks)
    if any(complaint.severity == "error" for complaint in complaints):
        raise typer.Exit(WRONG)
    if looks is not None and not all(look.good for look in looks):
        raise typer.Exit(FAILED)


def _example_complaints(loaded: Loaded, file: Path) -> list[Complaint]:
    """Examples that fail, at their lines."""
    if loaded.catalog is None or not file.exists():
        return []
    marked = read_marked(str(file), file.read_bytes())
    order = {rule.id: number for number, rule in enumerate(loaded.catalog.rules.topics)}
    found = []
    for failure in check_examples(loaded.catalog.rules):
        rule = ("relevance",) if failure.topic == "relevance" else ("topics", order[failure.topic])
        path = (*rule, failure.where, failure.number)
        place = marked.place(path)
        problem, advice = _explain(failure)
        found.append(Complaint(str(file), place.line, place.column, show_path(path), problem, advice))
    return found


def _explain(failure: ExampleFailure) -> tuple[str, str]:
    if failure.expected:
        return f"“{failure.sentence}” does not match {failure.topic}", "add a term, or move the sentence to not:"
    why = ", ".join(f"{reason.term} in “{reason.text}”" for reason in failure.reasons)
    return f"“{failure.sentence}” matches {failure.topic} ({why})", "add an unless:, or move the sentence to matches:"


def _look(settings: Settings, catalog: Catalog, complaints: list[Complaint]) -> list[Look]:
    """Visit the sources; what they say about the file is added to the complaints as warnings."""
    from ketfeed.run.look import look_at
    from ketfeed.run.loop import run_in_loop

    sources = [source for source in catalog.sources if not source.paused]
    with store_if_there(settings) as store, progress("visiting", len(sources)) as tell:
        looks = run_in_loop(look_at(settings, catalog, sources, lambda _poll: tell(1), store))
    file = settings.config / FEEDS
    marked = read_marked(str(file), file.read_bytes())
    number = {source.id: index for index, source in enumerate(catalog.sources)}
    for look in looks:
        source = look.source
        place_of = ("sources", number[source.id], source.type)
        place = marked.place(place_of)
        if look.moved_to:
            problem, advice = "has moved for good", f"write {source.type}: {look.moved_to}"
        elif look.alternative:
            problem = f"{look.poll.outcome}; the site has another feed, {look.alternative_how}"
            advice = f"write {source.type}: {look.alternative}"
        elif look.https:
            problem, advice = "http, where https answers too", f"write {source.type}: https{source.url[4:]}"
        else:
            continue
        complaint = Complaint(str(file), place.line, place.column, show_path(place_of), problem, advice, "warning")
        complaints.append(complaint)
    return looks


def _as_json(complaints: Sequence[Complaint], looks: Sequence[Look] | None) -> dict[str, Any]:
    rows = None if looks is None else [_row(look) for look in looks]
    return {"complaints": [asdict(complaint) for complaint in complaints], "online": rows}


def _row(look: Look) -> dict[str, Any]:
    return {
        "id": look.source.id,
        "url": look.source.url,
        "outcome": look.poll.outcome,
        "http_status": look.poll.http_status,
        "error": look.poll.error,
        "format": look.format,
        "entries": look.entries,
        "newest": iso(look.newest),
        "moved_to": look.moved_to,
        "https": look.https,
        "alternative": look.alternative,
        "alternative_how": look.alternative_how,
    }


def _annotation(complaint: Complaint) -> str:
    """One workflow command; %, line breaks and (in properties) : and , are escaped as its rules want."""

    def text(value: str) -> str:
        return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    file = text(complaint.file).replace(":", "%3A").replace(",", "%2C")
    message = ": ".join(part for part in (complaint.key, complaint.problem, complaint.advice) if part)
    return f"::{complaint.severity} file={file},line={complaint.line},col={complaint.column}::{text(message)}\n"


def _show(catalog: Catalog | None, complaints: Sequence[Complaint], looks: Sequence[Look] | None) -> None:
    if looks is not None:
        console.print(_table(looks))
    for complaint in complaints:
        colour = COLOURS[complaint.severity]
        console.print(f"[{colour}]{complaint.severity}[/] {escape(str(complaint))}", soft_wrap=True, highlight=False)
    errors = sum(complaint.severity == "error" for complaint in complaints)
    warnings = len(complaints) - errors
    counted = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    if catalog is not None:
        sentences = sum(
            len(rule.matches) + len(rule.rejects) for rule in (*catalog.rules.topics, catalog.rules.relevance)
        )
        counted += (
            f"; {len(catalog.sources)} sources, {len(catalog.rules.topics)} topics, {sentences} examples, "
            f"{len(catalog.feeds)} named feeds"
        )
    err.print(counted, highlight=False)


def _table(looks: Sequence[Look]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("source", "outcome", "http", "format", "entries", "newest"):
        table.add_column(name, no_wrap=True)
    table.add_column("what to know", overflow="fold")
    for look in looks:
        colour = "green" if look.good else "red"
        newest = look.newest.strftime("%Y-%m-%d") if look.newest else "–"
        told = look.poll.error or (f"moved to {look.moved_to}" if look.moved_to else "")
        table.add_row(
            escape(look.source.id), f"[{colour}]{look.poll.outcome}[/]", str(look.poll.http_status or "–"),
            look.format or "–", str(look.entries), newest, escape(told),
        )  # fmt: skip
    return table
