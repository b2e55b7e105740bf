"""ketfeed report: right figures, and a page that stands alone."""

from __future__ import annotations

import json
import os
import re
import resource
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from tests.store.making import DAY, NOW, catalog, entry, save, source, tags, write

from ketfeed.cli import report as command
from ketfeed.cli.main import run
from ketfeed.cli.report_figures import Figures, counted, figures_of, names, peak, percent, standing_out
from ketfeed.cli.report_page import page
from ketfeed.cli.report_plots import plot
from ketfeed.model import Source
from ketfeed.store.db import Store
from ketfeed.store.statistics import Overview

HOSTILE = """</title></svg><script>alert(1)</script>'"&<img src=x onerror=alert(2)>]]>"""
SAME = {"canonical_link": "page.example/one", "title": f"Ketamine helps veterans in a large trial {HOSTILE}"}
FEEDS = f"""
site: {{title: {json.dumps(f"Ketamine {HOSTILE}")}}}
defaults: {{relevance: all, publish: full}}
sources:
  - {{id: news, feed: "https://news.example/feed", title: {json.dumps(f"News {HOSTILE}")}}}
  - {{id: paper, feed: "https://paper.example/feed", title: Paper}}
  - {{id: silent, feed: "https://silent.example/feed", title: Silent}}
"""
TOPICS = f"""
topics:
  - {{id: ptsd, title: {json.dumps(f"PTSD {HOSTILE}")}, terms: [ptsd]}}
  - {{id: pain, title: Pain, terms: [pain]}}
  - {{id: sleep, title: Sleep, terms: [sleep]}}
"""
SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Place:
    """A configuration and a data folder."""

    folder: Path

    @property
    def options(self) -> list[str]:
        return ["--config", str(self.folder / "config"), "--data", str(self.folder)]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Files of an editor, nothing polled; it is NOW."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "feeds.yaml").write_text(FEEDS, encoding="utf-8")
    (tmp_path / "config" / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    monkeypatch.setattr(command, "utc_now", lambda: NOW)
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


@pytest.fixture
def filled(empty: Place) -> Place:
    """Four entries of ``news``, one of ``paper`` that tells the same story, one of a source that left the file."""
    news, paper, left = source("news"), source("paper"), source("left")
    with Store.open(f"sqlite:///{empty.folder / 'ketfeed.db'}") as store:
        store.sources.sync(catalog(news, paper, source("silent"), left), NOW - 30 * DAY)
        at = NOW
        some = [entry(1), entry(2, link="javascript:alert(3)", **SAME), entry(24 * 10), entry(24 * 200)]
        said = [tags("ptsd"), tags("ptsd", "pain"), tags(relevant=False), tags("pain")]
        save(store, write(some, said, of=news, at=at))
        save(store, write([entry(3, of="paper", **SAME)], [tags("pain", kind="research")], of=paper, at=at))
        save(store, write([entry(5, of="left")], [tags("pain")], of=left, at=at))
        error = f"the server answered 404 {HOSTILE}"
        save(
            store,
            write(None, of=source("silent"), at=NOW - DAY, outcome="http_error", last_error=error, health="failing"),
        )
        store.sources.sync(catalog(news, paper, source("silent")), NOW)
    return empty


def figures(place: Place, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["report", "--json", *more, *place.options]) == 0
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def parsed(text: str) -> Element:
    """The page as a browser reads it, without an error of syntax."""
    root: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    return root


def words(root: Element) -> str:
    return " ".join(" ".join(root.itertext()).split())


def written(place: Place, *more: str) -> str:
    file = place.folder / "out.html"
    assert run(["report", str(file), *more, *place.options]) == 0
    return file.read_text(encoding="utf-8")


# ---------------------------------------------------------------- figures


def test_the_figures_are_those_of_the_store(filled: Place, capsys: pytest.CaptureFixture[str]) -> None:
    seen = figures(filled, capsys)
    assert (seen["since"], seen["until"], seen["days"]) == ("2025-12-01T12:00:00Z", "2026-03-01T12:00:00Z", 90)
    assert (seen["entries"], seen["relevant"], seen["stored"]) == (5, 4, 6)
    rows = {row["id"]: row for row in seen["sources"]}
    assert {name: (row["entries"], row["relevant"], row["share"], row["health"]) for name, row in rows.items()} == {
        "news": (3, 2, 0.667, "new"),
        "paper": (1, 1, 1.0, "new"),
        "left": (1, 1, 1.0, None),
        "silent": (0, 0, None, "failing"),
    }
    assert "ketfeed discover" in rows["silent"]["advice"]
    topics = {row["id"]: row for row in seen["topics"]}
    assert [row["stories"] for row in (topics["ptsd"], topics["pain"], topics["sleep"])] == [2, 1, 0]
    assert len(seen["weeks"]) == 13
    assert topics["ptsd"]["weeks"] == [0] * 12 + [2]
    assert seen["overlap"] == [{"sources": ["news", "paper"], "titles": [f"News {HOSTILE}", "Paper"], "stories": 1}]
    [covered] = seen["covered"]
    assert (covered["sources"], sorted(covered["told_by"])) == (2, ["News", "Paper"])  # as the store has them
    assert sum(seen["kinds"].values()) == seen["stories"]
    assert sum(seen["hours"]) == sum(seen["weekdays"]) == 5


def test_days_decide_how_far_back(filled: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert figures(filled, capsys, "--days", "7")["entries"] == 4
    assert figures(filled, capsys, "--days", "400")["entries"] == 6
    assert run(["report", "--days", "0", *filled.options]) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [((), "."), (("A",), "A"), (("A", "B"), "A and B"), (("A", "B", "C"), "A, B and C")],
)
def test_names_are_listed_as_in_a_sentence(given: tuple[str, ...], said: str) -> None:
    assert (names(given) or ".") == said


def test_words_for_numbers() -> None:
    assert names("ABCDE") == "A, B, C and 2 more"
    assert [counted(1, "story"), counted(2, "story"), counted(90, "day"), counted(1200, "entry")] == [
        "1 story", "2 stories", "90 days", "1,200 entries",
    ]  # fmt: skip
    assert [percent(value) for value in (None, 0, 0.002, 0.333, 1.0)] == ["–", "0 %", "under 1 %", "33 %", "100 %"]
    assert peak((0, 3, 5), ("a", "b", "c")) == "Most: c (5), then b (3)."
    assert peak((0, 2), ("a", "b")) == "Most: b (2)."
    assert peak((0, 0), ("a", "b")) == ""


def test_the_reader_in_a_hurry_is_told_of_silence_and_of_what_is_beside_the_point() -> None:
    sources = tuple(Source(id=name, url="https://x.example/", title=name.title()) for name in ("aa", "bb", "cc", "dd"))
    seen = Overview(
        since=NOW - 7 * DAY, until=NOW, sources={"aa": (20, 20), "bb": (10, 0), "cc": (4, 0), "dd": (2, 1)},
        topics={}, topics_by_week={}, kinds={}, hours=(0,) * 24, weekdays=(0,) * 7, overlap={}, stories=(),
    )  # fmt: skip
    said = " ".join(standing_out(figures_of(catalog(*sources), seen, [], 36)))
    assert "Aa, Bb and Cc brought 94 % of all entries." in said
    assert "1 source with 5 entries or more and none relevant: Bb." in said


# ---------------------------------------------------------------- the page


def test_nothing_is_fetched_and_nothing_runs_when_the_page_is_read(filled: Place) -> None:
    text = written(filled)
    root = parsed(text)
    tags_of_page = {str(element.tag).removeprefix(SVG) for element in root.iter()}
    assert not tags_of_page & {
        "script", "link", "img", "image", "iframe", "object", "embed", "use", "foreignObject", "base", "form", "video",
    }  # fmt: skip
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not str(name).lower().startswith("on"), (element.tag, name)
            assert name not in ("src", "srcset", "data", "style", "action", "poster"), (element.tag, name)
            if str(name).endswith("href"):
                assert element.tag == "a"
                assert value.startswith(("#", "https://"))
    styles = " ".join(style.text or "" for style in root.iter("style"))
    assert not re.search(r"url\(|@import|expression", styles)
    policy = next(meta for meta in root.iter("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.get("content") == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_drawings_name_no_address_but_the_namespace_of_svg(filled: Place) -> None:
    drawings = re.findall(r"<svg.*?</svg>", written(filled), re.DOTALL)
    assert len(drawings) >= 2 * 7
    for drawn in drawings:
        assert set(re.findall(r"""https?:[^"'\s<]*""", drawn)) <= {"http://www.w3.org/2000/svg"}
        assert "pygal" not in drawn


def test_what_others_wrote_stays_text(filled: Place) -> None:
    text = written(filled)
    assert "<script" not in text
    assert "<img" not in text
    read = words(parsed(text))
    squeezed = " ".join(HOSTILE.split())
    for name in (f"Ketamine {squeezed}: report", f"News {squeezed}", f"PTSD {squeezed}", f"404 {squeezed}"):
        assert name in read
    assert "javascript:" not in text


def test_every_drawing_has_a_name_and_its_figures_in_words(filled: Place) -> None:
    root = parsed(written(filled))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    drawn = [element for element in root.iter(f"{SVG}svg") if element.get("role") == "img"]
    assert len(drawn) == 2 * 7  # without relevance: no source has entries enough
    for element in drawn:
        title = element.find(f"{SVG}title")
        assert title is not None
        assert title.get("id") == element.get("aria-labelledby")
        assert title.text
    for section in root.iter("section"):
        figures_here, tables = len(list(section.iter("figure"))), len(list(section.iter("table")))
        assert tables or not figures_here, section.get("id")
        assert all(table.find("caption") is not None for table in section.iter("table"))
    text = words(root)
    assert "Most: 07:00 (1), then 09:00 (1) and 10:00 (1)." in text


def test_the_page_says_what_needs_a_look(filled: Place) -> None:
    text = words(parsed(written(filled)))
    assert "1 source to look at: Silent." in text
    assert "1 topic without a story: Sleep." in text
    assert "left 1 1 100 % left the file" in text


def test_an_empty_store_gives_a_page_that_says_so(empty: Place, capsys: pytest.CaptureFixture[str]) -> None:
    root = parsed(written(empty))
    assert "The store is empty" in words(root)
    assert not list(root.iter("figure"))
    assert not (empty.folder / "ketfeed.db").exists(), "a report has made a database"
    assert figures(empty, capsys)["entries"] == 0


def test_a_time_without_entries_is_told_from_an_empty_store(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "utc_now", lambda: NOW + 300 * DAY)
    text = words(parsed(written(filled, "--days", "30")))
    assert "No entry came in these 30 days; the store has 6 entries" in text


def test_light_and_dark_have_the_same_colours_named(filled: Place) -> None:
    style = next(parsed(written(filled)).iter("style")).text or ""
    light, dark = re.findall(r":root\{(.*?)\}", style, re.DOTALL)
    assert "prefers-color-scheme:dark" in style
    assert re.findall(r"--[\w]+(?=:)", light) == re.findall(r"--[\w]+(?=:)", dark)
    assert set(re.findall(r"var\((--\w+)\)", style)) - {"--c"} <= set(re.findall(r"--[\w]+(?=:)", light))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_and_bars_stand_out_from_the_paper(filled: Place, scheme: int) -> None:
    """WCAG 2.2, 1.4.3 (words 4.5:1) and 1.4.11 (shapes 3:1)."""
    style = next(parsed(written(filled)).iter("style")).text or ""
    colours = dict(re.findall(r"--(\w+):(#\w{6})", re.findall(r":root\{(.*?)\}", style, re.DOTALL)[scheme]))
    for name in ("ink", "dim", "link"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    for name in ("c0", "c1", "c2", "c3", "c4", "rest"):
        assert _contrast(colours[name], colours["paper"]) >= 3, name


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


# ---------------------------------------------------------------- plots


@pytest.mark.parametrize("form", ["rows", "shares", "columns", "lines"])
@pytest.mark.parametrize("values", [(0, 0, 1), (3, 3, 3), (1, 1000000, 0), (7,)])
def test_any_counts_can_be_drawn(form: str, values: tuple[int, ...]) -> None:
    labels = [f"\x00 {HOSTILE} \ud800 {number}" for number in range(len(values))]
    drawn = plot(form, "one", "Counts", labels, {"a": values, "b": values})  # type: ignore[arg-type]
    assert drawn.legend == ("a", "b")
    for svg in drawn.drawn:
        assert "<script" not in svg
        assert "nan" not in svg.lower().split("alert")[0]
        parsed(f"<!doctype html><title>x</title>{svg}")


@pytest.mark.parametrize("number", [2, 13, 53, 523])
def test_dates_below_a_plot_do_not_run_into_each_other(number: int) -> None:
    labels = [f"{NOW - week * DAY:%d %b %Y}" for week in range(number)]
    for drawn, width in zip(
        plot("lines", "one", "Counts", labels, {"a": (1,) * number}).drawn, (760, 360), strict=True
    ):
        root = html5lib.HTMLParser(namespaceHTMLElements=False).parse(drawn)
        shown = [element for element in root.iter(f"{SVG}text") if (element.text or "") in labels]
        places = sorted(float(element.attrib["x"]) for element in shown)
        assert len(places) >= 2
        assert all(later - before >= 72 for before, later in pairwise(places))  # 11 characters of 12 px
        assert places[-1] < width


def test_a_bar_says_its_value_when_pointed_at() -> None:
    [wide, _narrow] = plot("rows", "one", "Counts", ["first", "second"], {"a": (3, 8)}).drawn
    assert "<title>first: 3</title>" in wide
    assert "<title>second: 8</title>" in wide
    assert wide.index(">second<") < wide.index(">first<"), "the first stands on top: SVG is drawn from below"


# ---------------------------------------------------------------- the file


def test_the_page_goes_to_report_html_or_standard_output(
    filled: Place, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["report", *filled.options]) == 0
    file = filled.folder / "report.html"
    assert b"report.html: 5 entries of 90 days" in capfdbinary.readouterr().err
    assert run(["report", "-", *filled.options]) == 0
    assert capfdbinary.readouterr().out == file.read_bytes()
    assert run(["report", "--json", "x.html", *filled.options]) == 2


@pytest.fixture
def old(filled: Place) -> Iterator[Path]:
    file = filled.folder / "old.html"
    file.write_text("old")
    yield file
    assert not [one for one in filled.folder.iterdir() if one.name.startswith(".old")], "half a page is left"


def test_a_failure_leaves_the_old_page_and_the_mode_of_a_file_is_kept(
    filled: Place, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old.chmod(0o640)
    link = filled.folder / "link.html"
    link.symlink_to(old)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # the disk is full; Python ignores SIGXFSZ
    try:
        with pytest.raises(OSError, match="File too large"):
            command._write(old, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert old.read_text() == "old"
    assert run(["report", str(link), *filled.options]) == 0
    assert link.is_symlink()
    assert old.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert run(["report", str(filled.folder / "nowhere" / "x.html"), *filled.options]) == 1
    assert "x.html: cannot be written (No such file or directory)" in capsys.readouterr().err


def test_a_device_is_written_to_and_not_replaced(filled: Place) -> None:
    assert run(["report", os.devnull, *filled.options]) == 0
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_one_page_is_one_text_for_the_same_figures() -> None:
    """No date of drawing, no random id: a page kept in git differs only where its figures do."""
    seen = Overview(
        since=NOW - 20 * DAY, until=NOW, sources={"news": (9, 4)}, topics={"ptsd": 4},
        topics_by_week={"ptsd": (1, 2, 1)}, kinds={"news": 4}, hours=(1,) * 24, weekdays=(4,) * 7, overlap={},
        stories=(),
    )  # fmt: skip

    def made() -> Figures:
        return figures_of(catalog(source("news")), seen, [], 9)

    assert page(made()) == page(made())
    assert made().weeks == (NOW - 20 * DAY, NOW - 13 * DAY, NOW - 6 * DAY)
    assert made().until - made().weeks[-1] == timedelta(days=6)
