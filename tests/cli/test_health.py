"""What an editor sees of sources in every state, polled for weeks over a web of our own; what moved is written down."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.run.site import RSS, Answer, Asked, Site
from tests.run.test_poll import SETTINGS, House, always, house
from tests.run.test_poll import sandbox as sandbox  # a fixture

from ketfeed.catalog.load import load_catalog
from ketfeed.cli.common import console, err
from ketfeed.cli.main import run
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import HealthState
from ketfeed.publish.feeds import Publisher
from ketfeed.publish.operations import document
from ketfeed.run.clock import utc_now
from ketfeed.settings import Settings
from ketfeed.store.db import Store
from ketfeed.store.ready import ReadyFeed

DAY = timedelta(days=1)
NOW = utc_now()
BEGUN = NOW - 12 * DAY
STATES: tuple[HealthState, ...] = ("healthy", "quiet", "failing", "blocked", "moved", "gone", "paused")


def feed_of(*ages: float) -> Answer:
    """Entries so many days before today."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{age}</guid><title>Ketamine for depression, part {age}</title>"
        f"<link>https://news.example/{age}</link><pubDate>{format_datetime(NOW - age * DAY)}</pubDate></item>"
        for age in ages
    )
    return Answer(f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>".encode(), headers=RSS)


def scripted(site: Site, clock: Callable[[], datetime]) -> None:
    """Sources that go each their own way four days after the first poll."""

    def turns(answer: Answer) -> Callable[[Asked], Answer]:
        return lambda _asked: feed_of(13, 18, 23) if clock() < BEGUN + 4 * DAY else answer

    site.scripts["/healthy"] = lambda _asked: feed_of(*(age for age in range(20) if NOW - age * DAY <= clock()))
    site.scripts["/quiet"] = always(feed_of(23.5, 27.5, 31.5, 35.5))
    site.scripts["/failing"] = turns(Answer(status=404))
    site.scripts["/blocked"] = turns(Answer(status=401))
    site.scripts["/moved"] = lambda _asked: Answer(status=308, headers=(("Location", "/new"),))
    site.scripts["/new"] = site.scripts["/healthy"]
    site.scripts["/gone"] = turns(Answer(status=410))
    site.scripts["/paused"] = always(feed_of(1, 2, 3))
    html = b'<link rel="alternate" type="application/rss+xml" href="/healthy-again">'
    site.scripts["/"] = always(Answer(html, headers=(("Content-Type", "text/html"),)))
    site.scripts["/healthy-again"] = always(feed_of(1, 13, 18))


def write_config(folder: Path, site: Site, *, paused: bool) -> None:
    lines = ["# whom we follow", "sources:"]
    for name in STATES:
        lines += [f"  - id: {name}", f"    feed: {site.url(f'/{name}')}   # by hand", "    topics: []", "    every: 6h"]
        lines += ["    paused: true"] * (paused and name == "paused")
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "feeds.yaml").write_text("\n".join(lines) + "\n")
    (folder / "config" / "topics.yaml").write_text("topics:\n  - {id: depression, terms: [depression]}\n")


@pytest.fixture(scope="module")
def world(sandbox: Sandbox[ReadyFeed], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with config and data after twelve days of polls."""
    folder = tmp_path_factory.mktemp("editors")
    asyncio.run(_polled(folder, sandbox, SETTINGS))
    return folder


async def _polled(folder: Path, sandbox: Sandbox[ReadyFeed], settings: Settings) -> None:
    (folder / "data").mkdir()
    async with Site() as site:
        with Store.open(f"sqlite:///{folder / 'data' / 'ketfeed.db'}") as store:
            async with house(site, store, sandbox, settings, BEGUN) as at:
                scripted(site, lambda: at.now)
                await _days(folder, at)


async def _days(folder: Path, at: House) -> None:
    for day in range(12):
        at.now = BEGUN + day * DAY
        write_config(folder, at.site, paused=day >= 8)
        catalog = load_catalog(folder / "config").catalog
        assert catalog is not None
        at.store.sources.sync(catalog, at.now)
        states = {state.source_id: state for state in at.store.sources.due(at.now, 100)}
        await at.poller.poll([(one, states[one.id]) for one in catalog.sources if one.id in states])


@pytest.fixture
def told(world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command on that world; what it said, on one line."""

    def tell(*words: str, width: int = 100) -> str:
        monkeypatch.setattr(console, "width", width)
        monkeypatch.setattr(err, "width", width)
        capsys.readouterr()
        where = ["--config", str(world / "config"), "--data", str(world / "data")]
        assert run([*where, *words]) == 0
        said = capsys.readouterr()
        return said.out + said.err

    return tell


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[╭╮╰╯│─]", " ", text)).strip()


@pytest.mark.parametrize(
    ("name", "day", "words"),
    [
        ("healthy", 0, "usual gap 1 day, silent for"),
        ("quiet", 5, "usual gap 4 days, silent for 23"),
        ("failing", 6, "last error the server answered 404, which carries no feed"),
        ("blocked", 6, "last error the server answered 401"),
        ("moved", 2, "`ketfeed sources moved --apply` writes its new address"),
        ("gone", 4, "last error the server answered 410"),
        ("paused", 8, "next poll – (paused by an editor)"),
    ],
)
def test_each_card_says_the_state_since_when_and_why(told: Callable[..., str], name: str, day: int, words: str) -> None:
    since = BEGUN + day * DAY
    for width in (80, 120):
        said = told("sources", "show", name, width=width)
        assert max(map(len, said.splitlines()[:-1])) <= width or name in ("failing", "gone", "moved")
        assert f"health {name} since {since:%Y-%m-%d}" in flat(said)
        assert words in flat(said)
    card = json.loads(told("sources", "show", name, "--json"))
    assert (card["health"], card["health_since"][:10]) == (name, f"{since:%Y-%m-%d}")


def test_the_card_of_a_dead_source_names_another_feed_of_its_site(told: Callable[..., str]) -> None:
    for name in ("failing", "gone"):
        said = flat(told("sources", "show", name))
        assert "/healthy-again may take its place: named by the page http://127.0.0.1:" in said
        assert f"`ketfeed sources edit {name} --url http://127.0.0.1:" in said
    assert "/healthy-again" in flat(told("status"))


def test_status_names_every_state_at_any_width_and_as_json(told: Callable[..., str]) -> None:
    for width in (80, 120, 200):
        said = told("status", width=width)
        assert max(map(len, said.splitlines())) <= width
        assert all(re.search(rf"^{name} +{name} ", said, re.MULTILINE) for name in STATES), said
        assert "silent for 23" in flat(said)
    rows = json.loads(told("status", "--json"))
    assert [(row["id"], row["health"]) for row in rows] == [(name, name) for name in STATES]


def test_the_operations_feed_has_an_entry_for_each_change(world: Path) -> None:
    catalog = load_catalog(world / "config").catalog
    assert catalog is not None
    with Store.open(f"sqlite:///{world / 'data' / 'ketfeed.db'}") as store:
        told = document(Publisher(store, catalog, "https://k.example"), store.sources.states())
    titles = [item.title for item in told.items]
    assert len({item.id for item in told.items}) == len(titles)
    changed = [name for name in STATES if name != "healthy"]
    assert sorted(titles) == sorted(
        [*(f"{name}: {name}" for name in STATES), *(f"{name}: healthy" for name in changed)]
    )
    assert [item.updated for item in told.items] == sorted((item.updated for item in told.items), reverse=True)


def test_a_redirect_seen_over_days_is_written_with_apply_and_nothing_else(
    world: Path, told: Callable[..., str]
) -> None:
    path = world / "config" / "feeds.yaml"
    before = path.read_text()
    said = told("sources", "moved")
    assert re.search(r"moved: http://127\.0\.0\.1:\d+/moved\s+→ http://127\.0\.0\.1:\d+/new \(seen on 12 days\)", said)
    assert path.read_text() == before
    try:
        told("sources", "moved", "--apply", "--yes")
        assert path.read_text() == before.replace("/moved   # by hand", "/new   # by hand")
        assert "no source has moved" in told("sources", "moved")
    finally:
        path.write_text(before)


def test_the_list_fits_and_titles_give_way_first(told: Callable[..., str]) -> None:
    for width in (80, 120):
        lines = told("sources", "list", width=width).splitlines()[: len(STATES) + 1]
        assert max(map(len, lines)) <= width
        assert lines[0].split() == ["id", "title", "kind", "topics", "health", "entries"]
        assert [line.split()[0] for line in lines[1:]] == list(STATES)
        assert all(line.split()[-2] == name for line, name in zip(lines[1:], STATES, strict=True))
