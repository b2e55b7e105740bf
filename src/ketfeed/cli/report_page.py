"""The page of ``ketfeed report``: plots as SVG inside the HTML, no script, nothing fetched when it is read."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence
from datetime import datetime
from html import escape

from ketfeed.model import Catalog, SourceState
from ketfeed.store.statistics import Overview

with warnings.catch_warnings():
    # pygal puts a finder of the time before Python 3.4 into the import system; nothing here needs it
    warnings.simplefilter("ignore", ImportWarning)
    import pygal
    from pygal.style import Style
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
PALETTE = ("#2a6f97", "#e07a5f", "#588157", "#b56576", "#6d597a", "#f2a541", "#3d5a80", "#9a8c98", "#40798c", "#bc4b51",
           "#8cb369", "#5b8e7d", "#a98467", "#7f5539")  # fmt: skip
STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#333", foreground_strong="#111",
    foreground_subtle="#777", colors=PALETTE, font_family="system-ui, sans-serif", label_font_size=12,
    major_label_font_size=12, legend_font_size=12, title_font_size=15, tooltip_font_size=12,
)  # fmt: skip
TOP = 20  # rows of a plot or table
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

CSS = """
body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fcfcfa;max-width:68rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0} h2{margin-top:2.5rem;border-bottom:1px solid #ddd} figure{margin:1rem 0} svg{width:100%;height:auto}
table{border-collapse:collapse;width:100%} th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #eee}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums} .facts{display:flex;gap:2rem;flex-wrap:wrap;padding:0}
.facts li{list-style:none} .facts b{display:block;font-size:1.8rem} .dim{color:#666}
"""


def write_report(catalog: Catalog, overview: Overview, states: Sequence[SourceState], now: datetime, days: int) -> str:
    """A whole HTML document. ``states``: of the sources in the file; ``now`` and ``days``: what the page covers."""
    titles = {source.id: source.title for source in catalog.sources}
    topic_titles = {topic.id: topic.title for topic in catalog.rules.topics}
    entries = sum(number for number, _ in overview.sources.values())
    relevant = sum(number for _, number in overview.sources.values())
    parts = [
        _facts(
            [
                (str(entries), "entries"),
                (f"{100 * relevant // entries} %" if entries else "–", "relevant"),
                (str(sum(overview.kinds.values())), "stories published"),
                (f"{len(overview.sources)} of {len(catalog.sources)}", "sources brought something"),
            ]
        ),
        _section("Topics", _topics(overview, topic_titles), _by_week(overview, topic_titles)),
        _section("Sources", _sources(overview, titles), _silent(overview, states, titles)),
        _section("Kinds", _bars("Stories by kind", overview.kinds)),
        _section("Time of day and week", _hours(overview), _weekdays(overview)),
        _section("Overlap between sources", _overlap(overview, titles)),
        _section("Most-covered stories", _stories(overview)),
    ]
    title = f"{catalog.site.title}: report"
    since, until = f"{overview.since:%-d %B %Y}", f"{now:%-d %B %Y}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{CSS}</style></head><body>'
        f"<h1>{escape(title)}</h1><p class=dim>{since} to {until}, {days} days; times in UTC</p>"
        f"{''.join(parts)}</body></html>\n"
    )


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return "<ul class=facts>" + "".join(f"<li><b>{escape(n)}</b>{escape(what)}</li>" for n, what in facts) + "</ul>"


def _section(title: str, *parts: str) -> str:
    inside = "".join(part for part in parts if part) or "<p class=dim>Nothing in this time.</p>"
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def _figure(chart: pygal.graph.graph.Graph, words: str) -> str:
    """A chart as inline SVG without its script; ``words`` say what it shows to who cannot see it."""
    drawn = SCRIPT.sub("", chart.render(is_unicode=True))
    return f'<figure role="img" aria-label="{escape(words)}">{drawn}</figure>'


def _settings(title: str, height: int) -> dict[str, object]:
    return {
        "style": STYLE, "js": (), "disable_xml_declaration": True, "pretty_print": False, "title": title, "width": 900,
        "height": height, "print_values": False, "show_y_guides": True, "truncate_label": 32, "truncate_legend": 28,
    }  # fmt: skip


def _bars(title: str, counts: dict[str, int]) -> str:
    if not counts:
        return ""
    shown = dict(list(counts.items())[:TOP])
    chart = pygal.HorizontalBar(show_legend=False, **_settings(title, 90 + 26 * len(shown)))
    chart.x_labels = list(reversed(shown))
    chart.add(title, list(reversed(list(shown.values()))))
    return _figure(chart, f"{title}: " + ", ".join(f"{name} {number}" for name, number in shown.items()))


def _topics(overview: Overview, titles: dict[str, str]) -> str:
    return _bars("Stories by topic", {titles.get(topic, topic): number for topic, number in overview.topics.items()})


def _by_week(overview: Overview, titles: dict[str, str]) -> str:
    if not overview.topics_by_week:
        return ""
    chart = pygal.StackedLine(fill=True, show_dots=False, **_settings("Stories per week", 420))
    weeks = max(len(numbers) for numbers in overview.topics_by_week.values())
    chart.x_labels = [str(week - weeks) if week < weeks - 1 else "now" for week in range(weeks)]
    for topic in overview.topics:
        if topic in overview.topics_by_week:
            chart.add(titles.get(topic, topic), list(overview.topics_by_week[topic]))
    return _figure(chart, "stories per week and topic, the oldest week first")


def _sources(overview: Overview, titles: dict[str, str]) -> str:
    if not overview.sources:
        return ""
    shown = list(overview.sources.items())[:TOP]
    chart = pygal.HorizontalStackedBar(**_settings("Entries by source", 110 + 26 * len(shown)))
    chart.x_labels = [titles.get(name, name) for name, _ in reversed(shown)]
    chart.add("relevant", [relevant for _, (_, relevant) in reversed(shown)])
    chart.add("other", [number - relevant for _, (number, relevant) in reversed(shown)])
    rows = [
        [titles.get(name, name), str(number), str(relevant), f"{100 * relevant // number} %" if number else "–"]
        for name, (number, relevant) in overview.sources.items()
    ]
    return _figure(chart, "entries by source, relevant and other") + _table(
        ["source", "entries", "relevant", "share"], rows
    )


def _silent(overview: Overview, states: Sequence[SourceState], titles: dict[str, str]) -> str:
    rows = [
        [titles.get(state.source_id, state.source_id), state.health, state.last_error or ""]
        for state in states
        if state.source_id not in overview.sources or state.health in ("failing", "blocked", "gone", "moved", "quiet")
    ]
    if not rows:
        return ""
    return "<h3>Brought nothing, or need a look</h3>" + _table(["source", "health", "last error"], rows)


def _hours(overview: Overview) -> str:
    if not any(overview.hours):
        return ""
    chart = pygal.Bar(show_legend=False, **_settings("Entries by hour of publication (UTC)", 300))
    chart.x_labels = [f"{hour:02}" for hour in range(24)]
    chart.add("entries", list(overview.hours))
    return _figure(chart, "entries by hour: " + ", ".join(str(number) for number in overview.hours))


def _weekdays(overview: Overview) -> str:
    if not any(overview.weekdays):
        return ""
    chart = pygal.Bar(show_legend=False, **_settings("Entries by day of the week", 300))
    chart.x_labels = list(WEEKDAYS)
    chart.add("entries", list(overview.weekdays))
    return _figure(chart, "entries by day: " + ", ".join(str(number) for number in overview.weekdays))


def _overlap(overview: Overview, titles: dict[str, str]) -> str:
    rows = [
        [titles.get(one, one), titles.get(other, other), str(number)]
        for (one, other), number in list(overview.overlap.items())[:TOP]
    ]
    return _table(["source", "and", "stories both told"], rows) if rows else ""


def _stories(overview: Overview) -> str:
    lines = []
    for stored, number in overview.stories:
        title = escape(stored.entry.title or "without a title")
        link = stored.entry.link
        shown = f'<a href="{escape(link)}">{title}</a>' if link else title
        topics = escape(", ".join(match.topic for match in stored.tagging.matches))
        lines.append(f"<li>{shown} <span class=dim>{number} sources, {stored.sort_at:%Y-%m-%d}, {topics}</span></li>")
    return f"<ol>{''.join(lines)}</ol>" if lines else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numbers = [
        all(row[column].rstrip(" %–").isdigit() or row[column] == "–" for row in rows) for column in range(len(head))
    ]

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if is_number else ''}>{escape(text)}</{tag}>"
            for text, is_number in zip(row, numbers, strict=True)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"
