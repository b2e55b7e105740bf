"""The figures of ``ketfeed report``: pure, and the same for a page and for a program.

Overview + catalog + states ─▶ figures_of ─▶ Figures ─┬▶ report_page.page (HTML, with report_plots)
                                                      └▶ --json
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ketfeed.cli.sources import health_sentence, suggestion
from ketfeed.model import Catalog, SourceState
from ketfeed.store.statistics import WEEK, Overview

NEEDS_A_LOOK = frozenset({"quiet", "failing", "blocked", "moved", "gone"})
"""Health that asks something of an editor."""

ENOUGH = 5
"""Entries from which a share says something; 1 of 1 is not "100 % relevant"."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """One source: what it brought in the time, and how it is."""

    id: str
    title: str
    entries: int
    relevant: int
    share: float | None  # relevant of entries, 0 to 1; None without entries
    health: str | None  # None: it left feeds.yaml
    health_text: str  # in words, with since when
    error: str | None  # of the last poll
    advice: str | None  # what to try; None when there is nothing to do


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFigures:
    """One topic: the stories of its feed."""

    id: str
    title: str
    stories: int
    weeks: tuple[int, ...]  # stories per week, as in Figures.weeks


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """Two sources that tell the same stories."""

    sources: tuple[str, str]  # ids
    titles: tuple[str, str]
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredStory:
    """A story that several sources told."""

    id: str
    title: str
    link: str | None
    date: datetime
    kind: str
    topics: tuple[str, ...]  # titles
    sources: int
    told_by: tuple[str, ...]  # titles of the sources the public sees, the shown one first


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came in between two times; times are UTC, sources and topics with most first."""

    site: str  # its title
    since: datetime
    until: datetime
    days: int
    stored: int  # entries of the whole store, whenever they came
    entries: int
    relevant: int
    stories: int  # published, each once
    sources: tuple[SourceFigures, ...]  # all of the file, and those that left it but brought something
    topics: tuple[TopicFigures, ...]  # all of the file
    weeks: tuple[datetime, ...]  # when each week begins, the oldest first; the last may be shorter than seven days
    kinds: dict[str, int]  # stories
    hours: tuple[int, ...]  # 24 counts of entries by hour of publication
    weekdays: tuple[int, ...]  # 7 counts of entries, Monday first
    overlap: tuple[PairFigures, ...]
    covered: tuple[CoveredStory, ...]


def figures_of(catalog: Catalog, overview: Overview, states: Sequence[SourceState], stored: int) -> Figures:
    """Everything the report tells. ``states`` of the file's sources; ``stored``: entries of the whole store."""
    titles = {source.id: source.title or source.id for source in catalog.sources}
    topics = {topic.id: topic.title or topic.id for topic in catalog.rules.topics}
    span = overview.until - overview.since
    return Figures(
        site=catalog.site.title,
        since=overview.since,
        until=overview.until,
        days=round(span / timedelta(days=1)),
        stored=stored,
        entries=sum(entries for entries, _ in overview.sources.values()),
        relevant=sum(relevant for _, relevant in overview.sources.values()),
        stories=sum(overview.kinds.values()),
        sources=_sources(catalog, overview, states),
        topics=_topics(topics, overview),
        weeks=tuple(overview.since + number * WEEK for number in range(_weeks(span))),
        kinds=overview.kinds,
        hours=overview.hours,
        weekdays=overview.weekdays,
        overlap=tuple(
            PairFigures(sources=pair, titles=(titles.get(pair[0], pair[0]), titles.get(pair[1], pair[1])), stories=told)
            for pair, told in overview.overlap.items()
        ),
        covered=tuple(
            CoveredStory(
                id=stored_entry.story_id,
                title=stored_entry.entry.title,
                link=stored_entry.entry.link,
                date=stored_entry.sort_at,
                kind=stored_entry.tagging.kind,
                topics=tuple(topics.get(match.topic, match.topic) for match in stored_entry.tagging.matches),
                sources=tellers,
                told_by=tuple(
                    dict.fromkeys([stored_entry.source.title, *(one.source_title for one in stored_entry.also)])
                ),
            )
            for stored_entry, tellers in overview.stories
        ),
    )


def _weeks(span: timedelta) -> int:
    return max(1, -(-span // WEEK))


def _sources(catalog: Catalog, overview: Overview, states: Sequence[SourceState]) -> tuple[SourceFigures, ...]:
    known = {state.source_id: state for state in states}
    rows = []
    for source in catalog.sources:
        state = known.get(source.id)
        entries, relevant = overview.sources.get(source.id, (0, 0))
        rows.append(
            SourceFigures(
                id=source.id,
                title=source.title or source.id,
                entries=entries,
                relevant=relevant,
                share=share(relevant, entries),
                health="paused" if source.paused else (state.health if state else "new"),
                health_text=health_sentence(source, state, overview.until),
                error=state.last_error if state else None,
                advice=suggestion(source, state),
            )
        )
    here = {source.id for source in catalog.sources}
    rows += [
        SourceFigures(
            id=name, title=name, entries=entries, relevant=relevant, share=share(relevant, entries), health=None,
            health_text="no longer in feeds.yaml", error=None, advice=None,
        )
        for name, (entries, relevant) in overview.sources.items()
        if name not in here
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: -row.entries))


def _topics(titles: dict[str, str], overview: Overview) -> tuple[TopicFigures, ...]:
    none = (0,) * _weeks(overview.until - overview.since)
    rows = [
        TopicFigures(
            id=name,
            title=titles.get(name, name),
            stories=overview.topics.get(name, 0),
            weeks=overview.topics_by_week.get(name, none),
        )
        for name in dict.fromkeys([*titles, *overview.topics])
    ]
    return tuple(sorted(rows, key=lambda row: -row.stories))


def share(part: int, whole: int) -> float | None:
    """``(1, 3)`` → 0.333; None of nothing."""
    return round(part / whole, 3) if whole else None


def percent(value: float | None) -> str:
    """``0.333`` → ``33 %``, ``0.002`` → ``under 1 %``, None → ``–``."""
    if value is None:
        return "–"
    return "under 1 %" if 0 < value < 0.01 else f"{100 * value:.0f} %"


def standing_out(figures: Figures) -> list[str]:
    """What a reader in a hurry should know, in sentences; empty without entries."""
    if not figures.entries:
        return []
    brought = [source for source in figures.sources if source.entries]
    ill = [source for source in figures.sources if source.health in NEEDS_A_LOOK]
    beside = [source for source in brought if source.entries >= ENOUGH and not source.relevant]
    told = [topic for topic in figures.topics if topic.stories]
    untold = [topic.title for topic in figures.topics if not topic.stories]
    said = [_busiest(figures, brought)]
    if told:
        most = [f"{topic.title} ({counted(topic.stories, 'story')})" for topic in told[:3]]
        said.append(f"Most told: {names(most)}.")
    if untold:
        said.append(f"{counted(len(untold), 'topic')} without a story: {names(untold, 8)}.")
    if beside:
        said.append(
            f"{counted(len(beside), 'source')} with {ENOUGH} entries or more and none relevant: "
            f"{names((source.title for source in beside), 8)}."
        )
    if ill:
        said.append(f"{counted(len(ill), 'source')} to look at: {names((source.title for source in ill), 8)}.")
    if figures.covered and figures.covered[0].sources > 1:
        said.append(f"Most covered: “{figures.covered[0].title}”, told by {figures.covered[0].sources} sources.")
    return said


def _busiest(figures: Figures, brought: Sequence[SourceFigures]) -> str:
    if len(brought) < 4:
        return f"Entries came from {names(source.title for source in brought)}."
    top = percent(share(sum(source.entries for source in brought[:3]), figures.entries))
    return f"{names(source.title for source in brought[:3])} brought {top} of all entries."


def peak(counts: Sequence[int], labels: Sequence[str]) -> str:
    """``Most: Tuesday (12), then Monday (9) and Friday (7).`` Of equal ones the earlier; empty without any."""
    order = sorted((number for number, count in enumerate(counts) if count), key=lambda number: -counts[number])
    first, *rest = [f"{labels[number]} ({counts[number]:,})" for number in order[:3]] or [""]
    return f"Most: {first}{', then ' if rest else ''}{names(rest)}." if first else ""


def counted(number: int, noun: str) -> str:
    """``(1, "story")`` → ``1 story``, ``(2, "story")`` → ``2 stories``, ``1,000 entries``."""
    plural = noun[:-1] + "ies" if noun.endswith(("ry", "py")) else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def names(values: Iterable[str], most: int = 3) -> str:
    """``A, B and C``; of more than ``most``, ``A, B, C and 4 more``."""
    every = list(values)
    if len(every) > most:
        return f"{', '.join(every[:most])} and {len(every) - most} more"
    return " and ".join(filter(None, [", ".join(every[:-1]), every[-1] if every else ""]))
