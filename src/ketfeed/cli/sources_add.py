"""``ketfeed sources add URL``: find the feed, show what it would bring, propose, ask, and write one source.

URL ─▶ known? ─▶ visit ─▶ a feed? ─ no ─▶ discover ─▶ choose ─▶ known? ─▶ preview ─▶ propose ─▶ ask ─▶ write
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn, Protocol

import typer
from rich.markup import escape
from rich.prompt import Prompt
from rich.table import Table

from ketfeed.catalog.address import address_key, find_fault
from ketfeed.catalog.edit import add_sources
from ketfeed.catalog.imports import clean_address, free_id, propose_id
from ketfeed.catalog.propose import Proposal, host_of, propose
from ketfeed.catalog.schema import ID_PATTERN
from ketfeed.catalog.spans import Value
from ketfeed.cli.common import FAILED, err, iso, print_json, settings_from
from ketfeed.cli.feeds_file import FeedsFile, agree, line_of, on_terminal, open_feeds
from ketfeed.cli.sources_edit import split_words
from ketfeed.errors import NotAFeed, PollError, UsageError
from ketfeed.ingest.limits import Document
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import SOURCE_KINDS, Catalog, Entry, NormalisedFeed, Source, Tagging
from ketfeed.net.client import FEED_ACCEPT, PAGE_ACCEPT, Client, outcome_error
from ketfeed.run.clock import utc_now
from ketfeed.run.loop import run_in_loop
from ketfeed.run.service import user_agent
from ketfeed.settings import Settings

SHOWN = 10  # newest entries of the preview
Type = Literal["feed", "page", "sitemap"]


class Candidate(Protocol):
    """What ingest.discover found: an address that may be followed."""

    @property
    def url(self) -> str: ...
    @property
    def kind(self) -> Type: ...
    @property
    def title(self) -> str | None: ...
    @property
    def newest(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """An address that was visited and read."""

    url: str
    type: Type
    feed: NormalisedFeed


def add(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, or any page of a site that has one.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the proposals; do not ask.")] = False,
    source_id: Annotated[str | None, typer.Option("--id", help="Id instead of the proposed one.")] = None,
    title: Annotated[str | None, typer.Option(help="Title instead of the proposed one.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind instead of the proposed one.")] = None,
    topics: Annotated[str | None, typer.Option(help="Topics of every entry, joined by commas.")] = None,
    publish: Annotated[str | None, typer.Option(help="full, summary or link.")] = None,
    relevance: Annotated[str | None, typer.Option(help="filter or all.")] = None,
    group: Annotated[str | None, typer.Option(help="Folder; the source is put behind the last of it.")] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Do not visit it: add the address as it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: what was added, what it brings.")] = False,
) -> None:
    """Add a source: find its feed, show its newest 10 entries with topics and relevance, propose, ask and write.

    Refuses a source that is there already under another spelling (exit code 2), and an address without any feed or
    page to read (exit code 1). Then nothing is written.
    """
    settings = settings_from(ctx)
    file = open_feeds(settings, may_be_empty=True)
    wanted = _address(url)
    _refuse_known(file, wanted)
    given: dict[str, Any] = {
        "id": source_id, "title": title, "kind": kind, "publish": publish, "relevance": relevance, "group": group,
        "topics": None if topics is None else split_words(topics),
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    _refuse_wrong(given, file)
    if not yes and not on_terminal():
        raise UsageError("nobody can be asked here: say --yes to take the proposals")
    offer = None if unseen else _visit(settings, file, wanted, yes=yes)
    proposal = _propose(offer, wanted, file)
    if offer is not None and not as_json:
        _preview(offer)
    answers = given if yes else _ask(proposal, given, file)
    fields = _fields(offer, wanted, proposal, answers)
    after = add_sources(file.text, [fields])
    if not yes:
        _show_written(file.text, after)
        agree(f"Add it to {file.path}?", yes=False)
    file.write(after)
    name = str(fields["id"])
    if as_json:
        print_json({"added": fields, "line": line_of(after, name), "entries": _entries(offer)})
    err.print(
        f"added [bold]{escape(name)}[/] in {escape(str(file.path))}:{line_of(after, name)}; "
        f"`ketfeed poll {escape(name)}` fetches it now, a running service takes it up within seconds",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


# ---------------------------------------------------------------- before the visit


def _address(url: str) -> str:
    cleaned = clean_address(url)
    if "://" not in cleaned and re.match(r"[^\s/:?#]+\.[^\s/:?#]+(?:[:/?#]|$)", cleaned):
        cleaned = f"https://{cleaned}"
    fault = find_fault(cleaned)
    if fault is not None and fault.severity == "error":
        raise UsageError(f"{url}: {fault.problem}: {fault.advice}")
    return cleaned


def _refuse_known(file: FeedsFile, *urls: str) -> None:
    keys = {address_key(url): url for url in urls}
    for source in file.catalog.sources:
        if address_key(source.url) in keys:
            where = f"{file.path}:{line_of(file.text, source.id)}"
            raise UsageError(f"{where}: {source.id} follows this address already, as {source.url}; nothing was added")


def _refuse_wrong(given: Mapping[str, Any], file: FeedsFile) -> None:
    """Options are checked before anything is visited; the loader checks the whole once more before writing."""
    known = [topic.id for topic in file.catalog.rules.topics]
    for topic in given.get("topics", ()):
        if topic not in known:
            raise UsageError(f"--topics {topic}: no such topic; there are {', '.join(known) or 'none'}")
    name = given.get("id")
    if name is not None and (problem := _id_problem(name, file)):
        raise UsageError(f"--id {name}: {problem}")
    for key, words in (
        ("kind", SOURCE_KINDS),
        ("publish", ("full", "summary", "link")),
        ("relevance", ("filter", "all")),
    ):
        if key in given and given[key] not in words:
            raise UsageError(f"--{key} {given[key]}: one of {', '.join(words)}")


def _id_problem(name: str, file: FeedsFile) -> str:
    if not re.fullmatch(ID_PATTERN, name):
        return "lower-case letters, digits, . _ and - only"
    return "another source has this id" if any(source.id == name for source in file.catalog.sources) else ""


# ---------------------------------------------------------------- the visit


def _visit(settings: Settings, file: FeedsFile, url: str, *, yes: bool) -> Offer:
    """The feed at an address or the one chosen of those it offers. Ends the command when there is none."""
    with err.status(f"visiting {host_of(url)} …"):
        try:
            found = run_in_loop(_look(settings, file.catalog, url))
        except PollError as error:
            _give_up(url, error)
    if isinstance(found, Offer):
        _refuse_known(file, found.url)
        return found
    chosen = _choose(url, found, yes=yes)
    _refuse_known(file, chosen.url)
    with err.status(f"reading {escape(chosen.url)} …"):
        try:
            return run_in_loop(_read_one(settings, file.catalog, chosen.url, chosen.kind))
        except PollError as error:
            _give_up(chosen.url, error)


def _give_up(url: str, error: PollError) -> NoReturn:
    err.print(f"[red]{error.outcome}[/] {escape(url)}: {escape(str(error))}", highlight=False, soft_wrap=True)
    err.print("nothing was added; `--unseen` adds an address without visiting it")
    raise typer.Exit(FAILED)


async def _look(settings: Settings, catalog: Catalog, url: str) -> Offer | Sequence[Candidate]:
    from ketfeed.ingest.discover import discover

    client, sandbox = _tools(settings, catalog)
    try:
        try:
            return await _read(client, sandbox, url, "feed")
        except NotAFeed:
            return await discover(url, client, sandbox, utc_now())
    finally:
        await client.aclose()
        sandbox.close()


async def _read_one(settings: Settings, catalog: Catalog, url: str, kind: Type) -> Offer:
    client, sandbox = _tools(settings, catalog)
    try:
        return await _read(client, sandbox, url, kind)
    finally:
        await client.aclose()
        sandbox.close()


def _tools(settings: Settings, catalog: Catalog) -> tuple[Client, Sandbox[NormalisedFeed]]:
    return Client(settings, user_agent=user_agent(catalog, settings)), Sandbox(settings, catalog.rules)


async def _read(client: Client, sandbox: Sandbox[NormalisedFeed], url: str, kind: Type) -> Offer:
    reply = await client.get(url, accept=FEED_ACCEPT if kind == "feed" else PAGE_ACCEPT)
    problem = outcome_error(reply)
    if problem is not None:
        raise problem
    document = Document(reply.body, reply.header("content-type"), reply.final_url)
    feed = await sandbox.read(document, Source(id="new", url=url, type=kind), utc_now())
    return Offer(_settled(url, reply.redirects, reply.final_url), kind, feed)


def _settled(url: str, redirects: Sequence[Any], final: str) -> str:
    """The address to write: where permanent redirects lead, else the one that was given."""
    return final if redirects and all(hop.status in (301, 308) for hop in redirects) else url


def _choose(url: str, found: Sequence[Candidate], *, yes: bool) -> Candidate:
    if not found:
        err.print(f"[red]not_a_feed[/] {escape(url)}: no feed, sitemap or readable list of articles was found")
        err.print("nothing was added")
        raise typer.Exit(FAILED)
    if yes or len(found) == 1:
        return found[0]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "kind", "title", "newest", "address"):
        table.add_column(name, overflow="fold")
    for number, one in enumerate(found, 1):
        table.add_row(str(number), one.kind, escape(one.title or ""), _day(one.newest), escape(one.url))
    err.print(table)
    answer = Prompt.ask(
        "Which one?", choices=[str(number) for number in range(1, len(found) + 1)], default="1", console=err
    )
    return found[int(answer) - 1]


# ---------------------------------------------------------------- showing and asking


def _newest(offer: Offer) -> list[tuple[Entry, Tagging | None]]:
    taggings: Sequence[Tagging | None] = offer.feed.taggings or [None] * len(offer.feed.entries)
    both = list(zip(offer.feed.entries, taggings, strict=True))
    oldest = datetime.min.replace(tzinfo=utc_now().tzinfo)
    both.sort(key=lambda one: one[0].published or one[0].updated or oldest, reverse=True)
    return both[:SHOWN]


def _preview(offer: Offer) -> None:
    info = offer.feed.info
    err.print(
        f"[bold]{escape(info.title or offer.url)}[/] · {info.format} · {len(offer.feed.entries)} entries",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("date", "newest entries", "topics", "relevant"):
        table.add_column(name, overflow="fold", no_wrap=name in ("date", "relevant"))
    for entry, tagging in _newest(offer):
        topics = ", ".join(match.topic for match in tagging.matches) if tagging else ""
        relevant = "[green]yes[/]" if tagging and tagging.relevant else "no"
        table.add_row(_day(entry.published or entry.updated), escape(entry.title), topics, relevant)
    err.print(table)
    taggings = offer.feed.taggings
    if taggings:
        share = round(100 * sum(tagging.relevant for tagging in taggings) / len(taggings))
        err.print(f"{share} % of its {len(taggings)} entries are relevant", highlight=False)


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "–"


def _propose(offer: Offer | None, url: str, file: FeedsFile) -> Proposal:
    taken = {source.id for source in file.catalog.sources}
    if offer is not None:
        return propose(offer.url, offer.feed.info, offer.feed.entries, offer.feed.taggings, taken)
    host = host_of(url)
    return Proposal(free_id(propose_id("", url), taken), host, None, "news", (), "summary", None)


def _ask(proposal: Proposal, given: Mapping[str, Any], file: FeedsFile) -> dict[str, Any]:
    known = [topic.id for topic in file.catalog.rules.topics]
    answers = dict(given)

    def ask(key: str, question: str, default: str, problem: Callable[[str], str]) -> None:
        while key not in given:
            answer = Prompt.ask(question, default=default, console=err, show_default=bool(default)).strip()
            if not (wrong := problem(answer)):
                answers[key] = answer
                return
            err.print(f"[red]{escape(wrong)}[/]")

    def one_of(words: Sequence[str]) -> Callable[[str], str]:
        return lambda answer: "" if answer in words else f"one of {', '.join(words)}"

    def topics_problem(answer: str) -> str:
        unknown = [word for word in split_words(answer) if word not in known]
        return f"no topic {', '.join(unknown)}; there are {', '.join(known)}" if unknown else ""

    ask("title", "Title", proposal.title, lambda answer: "" if answer else "a title, please")
    ask("id", "Id", proposal.id, lambda answer: _id_problem(answer, file))
    ask("kind", "Kind", proposal.kind, one_of(SOURCE_KINDS))
    ask(
        "topics",
        "Topics of every entry (joined by commas, empty: by the rules)",
        ", ".join(proposal.topics),
        topics_problem,
    )
    ask("publish", "Publish (full, summary, link)", proposal.publish, one_of(("full", "summary", "link")))
    if isinstance(answers["topics"], str):
        answers["topics"] = split_words(answers["topics"])
    return answers


def _fields(offer: Offer | None, url: str, proposal: Proposal, answers: Mapping[str, Any]) -> dict[str, Value]:
    type_: Type = offer.type if offer else "feed"
    chosen = replace(proposal, id=answers.get("id", proposal.id), title=answers.get("title", proposal.title))
    fields: dict[str, Value] = {"id": chosen.id, "title": chosen.title}
    homepage = clean_address(chosen.homepage) if chosen.homepage else None
    if homepage and ((fault := find_fault(homepage)) is None or fault.severity == "warning"):
        fields["homepage"] = homepage
    fields[type_] = offer.url if offer else url
    fields["kind"] = answers.get("kind", chosen.kind)
    fields["topics"] = list(answers.get("topics", chosen.topics))
    fields["publish"] = answers.get("publish", chosen.publish)
    if "relevance" in answers:
        fields["relevance"] = answers["relevance"]
    if "group" in answers:
        fields["group"] = answers["group"]
    return fields


def _show_written(before: str, after: str) -> None:
    start = next((n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(before))
    added = after[start : start + len(after) - len(before)]
    err.print(f"[green]{escape(added.strip(chr(10)))}[/]", highlight=False)


def _entries(offer: Offer | None) -> list[dict[str, Any]]:
    return [
        {
            "title": entry.title,
            "link": entry.link,
            "date": iso(entry.published or entry.updated),
            "topics": [match.topic for match in tagging.matches] if tagging else [],
            "relevant": tagging.relevant if tagging else None,
        }
        for entry, tagging in (_newest(offer) if offer else [])
    ]
