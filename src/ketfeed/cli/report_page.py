"""The page of ``ketfeed report``: plots as SVG inside the HTML, no script, nothing fetched when it is read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ketfeed.cli.report_figures import (
    ENOUGH,
    NEEDS_A_LOOK,
    WEEKDAYS,
    Figures,
    counted,
    peak,
    percent,
    standing_out,
)
from ketfeed.cli.report_plots import Plot, plot

TOP = 15
"""Rows of a plot; the table beside it has all sources and topics."""

LINES = 5
"""Topics drawn over time: more lines than that cannot be told apart."""

LATEST = 13
"""Weeks in the table of topics, a quarter of a year; the plot has all of them."""

PAIRS = 30
"""Pairs of sources in the table: from there on they share a story by chance."""

HOURS = tuple(f"{hour:02}:00" for hour in range(24))


def page(figures: Figures) -> str:
    """A whole HTML document. Everything from outside is escaped by the template."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": _day, "percent": percent, "link": _link, "code": _code}
    environment.globals |= {"counted": counted}
    text = environment.get_template("report.html").render(
        f=figures,
        plots=_plots(figures),
        said=standing_out(figures),
        ill=[source for source in figures.sources if source.health in NEEDS_A_LOOK],
        judged=_judged(figures),
        enough=ENOUGH,
        weeks=figures.weeks[-LATEST:],
        latest=LATEST,
        last_days=round((figures.until - figures.weeks[-1]).total_seconds() / 86400),
        pairs=figures.overlap[:PAIRS],
        hours=HOURS,
        weekdays=WEEKDAYS,
        peaks={"hours": peak(figures.hours, HOURS), "weekdays": peak(figures.weekdays, WEEKDAYS)},
    )
    return text + "\n"


def _judged(figures: Figures) -> list[tuple[str, int, int, float]]:
    """(title, entries, relevant, share) of sources with entries enough to judge, the least relevant first."""
    rows = [
        (source.title, source.entries, source.relevant, source.share)
        for source in figures.sources
        if source.share is not None and source.entries >= ENOUGH
    ]
    return sorted(rows, key=lambda row: (row[3], -row[1]))


def _plots(figures: Figures) -> dict[str, Plot]:
    """Those that have something to show."""
    made: list[Plot] = []
    topics = [topic for topic in figures.topics if topic.stories]
    sources = [source for source in figures.sources if source.entries][:TOP]
    if topics:
        labels, counts = [topic.title for topic in topics[:TOP]], [topic.stories for topic in topics[:TOP]]
        made.append(plot("rows", "topics", "Stories in each topic’s feed", labels, {"stories": counts}))
        begun = next(at for at in range(len(figures.weeks)) if any(topic.weeks[at] for topic in topics))
        begun = max(0, min(begun, len(figures.weeks) - LATEST))  # long before the first story nothing is to be seen
        if len(weeks := figures.weeks[begun:]) > 1:
            drawn = {topic.title: topic.weeks[begun:] for topic in topics[:LINES]}
            title = "Stories per week, by the day the week began"
            year = " %Y" if len(weeks) > 52 else ""
            made.append(plot("lines", "weeks", title, [f"{week.day} {week:%b{year}}" for week in weeks], drawn))
    if sources:
        parts = {
            "relevant": [source.relevant for source in sources],
            "not relevant": [source.entries - source.relevant for source in sources],
        }
        made.append(plot("rows", "sources", "Entries of each source", [source.title for source in sources], parts))
    if judged := _judged(figures)[:TOP]:
        shares = {"relevant": [100 * value for *_, value in judged]}
        title = "Share of entries that are relevant in percent, the lowest first"
        made.append(plot("shares", "relevance", title, [name for name, *_ in judged], shares))
    if figures.kinds:
        made.append(plot("rows", "kinds", "Stories by kind", list(figures.kinds), {"": list(figures.kinds.values())}))
    if any(figures.hours):
        made.append(
            plot(
                "columns",
                "hours",
                "Entries by hour of publication, UTC",
                [hour[:2] for hour in HOURS],
                {"": figures.hours},
            )
        )
        days = [day[:3] for day in WEEKDAYS]
        made.append(plot("columns", "weekdays", "Entries by day of the week, UTC", days, {"": figures.weekdays}))
    if pairs := figures.overlap[:10]:
        labels = [" + ".join(pair.sources) for pair in pairs]
        title = "Relevant stories that two sources both told"
        made.append(plot("rows", "overlap", title, labels, {"": [pair.stories for pair in pairs]}))
    return {one.name: one for one in made}


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _code(text: str) -> Markup:
    """What stands between backquotes as code: ``try `ketfeed check` ``."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 and at < len(parts) - 1 else part
        for at, part in enumerate(parts)
    )


def _link(address: str | None) -> str | None:
    """Only what a reader may safely follow from a file on the own disk."""
    return address if address and address.lower().startswith(("http://", "https://")) else None
