"""``ketfeed topics``: what a change of rules would do, what the rules miss, how well they do on labelled entries."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from ketfeed.cli.classify import classify_entries, read_lines
from ketfeed.cli.common import (
    FAILED,
    console,
    err,
    load_catalog_or_exit,
    open_store,
    print_json,
    progress,
    settings_from,
)
from ketfeed.errors import UsageError
from ketfeed.model import Catalog, Edit, Entry
from ketfeed.run.tagging import tag_stored
from ketfeed.store.db import Store
from ketfeed.store.decisions import decided, overrule
from ketfeed.store.retagging import differing
from ketfeed.topics.diff import Change, Difference
from ketfeed.topics.gaps import Gaps
from ketfeed.topics.match import Tagger
from ketfeed.topics.score_card import Card, score

app = typer.Typer(help="See what rules do before they are live, and what they miss.", no_args_is_help=True)

BATCH = 1000  # entries read at a time

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, nothing else.")]


@app.command("diff")
def diff(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="Folder with the changed files; else the configured one.")
    ] = None,
    as_json: Json = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 when something would change.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Entries shown per topic; JSON has them all.")] = 10,
) -> None:
    """Compare what the store says now with what the rules of a folder would say, editors' decisions applied.

    Nothing is written. Each entry comes with the reasons that give it a topic, or that gave it the one it would lose.
    """
    settings = settings_from(ctx, config=config)
    catalog = load_catalog_or_exit(settings)
    with open_store(settings) as store:
        difference = compare(store, catalog)
    if as_json:
        print_json(difference.as_json())
    else:
        console.print(difference_page(difference, catalog, limit))
    if exit_code and difference:
        raise typer.Exit(FAILED)


def compare(store: Store, catalog: Catalog) -> Difference:
    """Tag everything stored by the catalog's rules and compare, with a progress bar for a person."""
    difference = Difference()
    edits = _edits(store)
    sources = {source.id: source for source in catalog.sources}
    walk = tag_stored(store, catalog.rules, differing, workers=os.cpu_count() or 1, sources=sources)
    with closing(walk) as pieces, progress("reading entries", store.tags.count()) as advance:
        for piece in pieces:
            for one in piece.found:
                said = decided(edits.get(one.entry.id, ()))
                difference.add(one.entry, overrule(one.before, said), overrule(one.after, said))
            difference.entries += piece.entries
            advance(piece.entries)
    return difference


def _edits(store: Store) -> dict[str, list[Edit]]:
    """Entry → its editors' decisions, oldest first."""
    found: dict[str, list[Edit]] = {}
    for entry in dict.fromkeys(said["entry"] for said in store.edits.export()):
        found[entry] = sorted(store.edits.list(entry), key=lambda edit: edit.at)
    return found


def difference_page(difference: Difference, catalog: Catalog, limit: int) -> RenderableType:
    """The difference as text: ``ptsd: +12 −3``, then the entries with their reasons."""
    if not difference:
        return f"Nothing would change ({difference.entries} entries looked at)."
    names = [topic.id for topic in catalog.rules.topics if topic.id in difference.topics]
    names += sorted(difference.topics.keys() - set(names))
    parts: list[RenderableType] = []
    for name, (added, removed) in [
        *((name, difference.topics[name]) for name in names),
        ("relevance", difference.relevance),
    ]:
        if added or removed:
            parts.append(f"[bold]{escape(name)}[/]: [green]+{len(added)}[/] [red]−{len(removed)}[/]")
            parts += _lines(added, "[green]+[/]", limit)
            parts += _lines(removed, "[red]−[/]", limit)
    return Group(*parts)


def _lines(changes: Sequence[Change], sign: str, limit: int) -> Iterator[str]:
    for change in changes[:limit]:
        why = "; ".join(
            f"{reason.term} in {reason.field}: “{reason.text}” ({reason.weight:+g})" for reason in change.reasons[:3]
        )
        yield f"  {sign} {escape(change.entry.title or change.entry.id)} [dim]{change.entry.id[:8]}[/]"
        yield f"      [dim]{escape(why or 'no reason for it any more')}[/]"
    if len(changes) > limit:
        yield f"  {sign} [dim]… and {len(changes) - limit} more (--limit, --json)[/]"


@app.command("gaps")
def gaps(
    ctx: typer.Context,
    as_json: Json = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Lines of each list.")] = 30,
    least: Annotated[int, typer.Option("--least", min=1, help="Entries a phrase must stand in.")] = 3,
) -> None:
    """Show what the rules miss: relevant entries without a topic, frequent phrases in no rule, silent terms."""
    settings = settings_from(ctx)
    catalog = load_catalog_or_exit(settings)
    found = Gaps(Tagger(catalog.rules))
    with open_store(settings) as store, progress("reading entries", store.tags.count()) as advance:
        for batch in store.tags.batches(BATCH):
            for one in batch:
                found.add(one.entry, one.source, one.tagging)
            advance(len(batch))
    if as_json:
        print_json(
            {
                "entries": found.entries,
                "relevant": found.relevant,
                "untagged": [_named(entry) for entry in found.untagged],
                "phrases": found.unknown_phrases(limit, least),
                "silent_terms": [{"topic": topic, "term": term} for topic, term in found.silent_terms()],
            }
        )
    else:
        console.print(gaps_page(found, limit, least))


def _named(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, "title": entry.title, "link": entry.link, "source": entry.source_id}


def gaps_page(found: Gaps, limit: int, least: int) -> RenderableType:
    """The three queues as text."""
    parts: list[RenderableType] = [f"{found.entries} entries, {found.relevant} relevant"]
    parts.append(f"\n[bold]Relevant entries without a topic[/] ({len(found.untagged)})")
    parts += [
        f"  {escape(entry.title)} [dim]{entry.id[:8]} {escape(entry.source_id)}[/]" for entry in found.untagged[:limit]
    ]
    parts.append(f"\n[bold]Frequent phrases in no rule[/] (in {least} or more relevant entries)")
    table = Table(box=None, pad_edge=False, show_header=False)
    for phrase in found.unknown_phrases(limit, least):
        table.add_row(str(phrase.entries), escape(phrase.text), f"[dim]{escape(phrase.example[:70])}[/]")
    parts.append(table)
    silent = found.silent_terms()
    parts.append(f"\n[bold]Terms that never match[/] ({len(silent)})")
    by_topic: dict[str, list[str]] = {}
    for topic, term in silent:
        by_topic.setdefault(topic, []).append(term)
    parts += [
        f"  {escape(topic)}: [dim]{escape(', '.join(islice(terms, limit)))}[/]" for topic, terms in by_topic.items()
    ]
    return Group(*parts)


@app.command("test")
def try_rules(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Labelled JSON lines, or one sentence a line.", metavar="FILE")],
    as_json: Json = False,
) -> None:
    """Try the rules on a file: sentences show their topics and reasons; labelled entries are also scored.

    A labelled line has the keys of `ketfeed classify` and `topics`, and may have `topics_maybe` (counted neither way)
    and `relevant` (yes, no, borderline). Exit code 1 when a label and the rules disagree.
    """
    catalog = load_catalog_or_exit(settings_from(ctx))
    given = list(_items(file))
    answers = list(classify_entries(given, catalog))
    card = score(given, answers, [topic.id for topic in catalog.rules.topics])
    if as_json:
        print_json({"answers": answers, **card.as_json()})
    else:
        console.print(test_page(given, answers, card))
    if card.disagreements:
        raise typer.Exit(FAILED)


def _items(file: Path) -> Iterable[dict[str, Any]]:
    """Objects of a JSON-lines file, or its lines as ``title || summary`` when they are not JSON. Raises UsageError."""
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if lines and not lines[0].lstrip().startswith("{"):
        for number, line in enumerate(lines, 1):
            title, _, summary = line.partition("||")
            yield {"id": f"line {number}", "title": title.strip(), "summary": summary.strip()}
        return
    items, complaints = read_lines(file)
    for complaint in complaints:
        err.print(f"{file}:{complaint}", style="red", highlight=False, markup=False)
    yield from items


def test_page(given: Sequence[dict[str, Any]], answers: Sequence[dict[str, Any]], card: Card) -> RenderableType:
    """Scores and disagreements when there are labels, else every sentence with its topics and reasons."""
    if card.labelled:
        table = Table("topic", "P", "R", "F1", "found", "wrong", "missed", box=None, pad_edge=False)
        for name, row in card.rows():
            table.add_row(
                escape(name),
                f"{row.precision:.3f}",
                f"{row.recall:.3f}",
                f"{row.f1:.3f}",
                str(row.found),
                str(row.wrong),
                str(row.missed),
            )
        return Group(table, f"macro F1 {card.macro:.3f}", *(f"  {escape(line)}" for line in card.disagreements))
    parts: list[RenderableType] = []
    for item, answer in zip(given, answers, strict=True):
        relevant = "[green]relevant[/]" if answer["relevant"] else "[dim]not relevant[/]"
        parts.append(f"[bold]{escape(str(item.get('title', '')))}[/]  {relevant}  [dim]{answer['kind']}[/]")
        for topic, reasons in answer["reasons"].items():
            said = "; ".join(f"{reason['term']} in {reason['field']}: “{reason['text']}”" for reason in reasons[:4])
            parts.append(f"  {escape(topic)}: [dim]{escape(said)}[/]")
    return Group(*parts)
