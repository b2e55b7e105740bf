"""Hot reload: a good file is taken up soon, whatever else happens to the files leaves the last good catalog."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketfeed.catalog.watch import DOUBTED, SETTLED, CatalogWatch, is_being_written
from ketfeed.errors import CatalogError

SHIPPED = Path(__file__).parents[2] / "config"
TICK = 0.5  # seconds between two looks of the service


class Clock:
    """A steady clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def ticks(self, seconds: float) -> Iterator[float]:
        """Move on by whole ticks for at least some seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now += TICK
            yield self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("feeds.yaml", "topics.yaml"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    return tmp_path


SMALL = """sources:
  - {id: a, feed: https://a.example.org/, topics: []}
  - {id: b, feed: https://b.example.org/, topics: []}
"""
TOPICS = "topics:\n  - {id: ptsd, terms: [ptsd]}\n  - {id: pain, terms: [pain]}\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "feeds.yaml").write_text(SMALL)
    (tmp_path / "topics.yaml").write_text(TOPICS)
    return tmp_path


def ids(watch: CatalogWatch) -> list[str]:
    return [source.id for source in watch.catalog.sources]


def after(watch: CatalogWatch, clock: Clock, seconds: float = 2.0) -> list[str]:
    return [watch.refresh(now) for now in clock.ticks(seconds)]


def test_a_changed_file_is_taken_up_within_two_seconds_of_its_last_write(small: Path) -> None:
    watch, clock = CatalogWatch(small), Clock()
    for number in range(5):  # somebody writes every half second: nothing is read before it stops
        (small / "feeds.yaml").write_text(SMALL + f"# {number}\n  - {{id: c, feed: https://c.example.org/}}\n")
        assert watch.refresh(clock.now) == "waiting"
        clock.now += SETTLED / 2
    assert "taken up" in after(watch, clock)
    assert ids(watch) == ["a", "b", "c"]
    assert after(watch, clock) == ["same"] * 4


def test_a_file_replaced_by_rename_is_seen(small: Path) -> None:
    watch, clock = CatalogWatch(small), Clock()
    (small / "new").write_text(SMALL.replace("id: b", "id: z"))
    (small / "new").replace(small / "feeds.yaml")
    after(watch, clock)
    assert ids(watch) == ["a", "z"]


def test_a_switched_link_is_seen_as_an_orchestrator_switches_it(tmp_path: Path) -> None:
    for name, sources in (("v1", SMALL), ("v2", SMALL.replace("id: b", "id: z"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "feeds.yaml").write_text(sources)
        (tmp_path / name / "topics.yaml").write_text(TOPICS)
    config = tmp_path / "config"
    config.mkdir()
    (config / "..data").symlink_to(tmp_path / "v1")
    for name in ("feeds.yaml", "topics.yaml"):
        (config / name).symlink_to(Path("..data") / name)
    watch, clock = CatalogWatch(config), Clock()
    (config / "..tmp").symlink_to(tmp_path / "v2")
    (config / "..tmp").replace(config / "..data")
    after(watch, clock)
    assert ids(watch) == ["a", "z"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("feeds.yaml", "", "empty"),
        ("feeds.yaml", "\n\n", "empty"),
        ("feeds.yaml", "# nothing\n", "empty"),
        ("feeds.yaml", "sources: []\n", "no sources"),
        ("feeds.yaml", SMALL[:70], "middle of a line"),
        ("feeds.yaml", "sources: [\n", "not end well"),
        ("feeds.yaml", SMALL.replace("feed:", "fed:"), "unknown key"),
        ("topics.yaml", "", "empty"),
        ("topics.yaml", TOPICS[:30], "middle of a line"),
        ("topics.yaml", TOPICS.replace("terms", "trems"), "unknown key"),
        ("feeds.yaml", None, "gone"),
        ("topics.yaml", None, "gone"),
    ],
)
def test_a_broken_file_keeps_the_last_good_catalog_and_says_why(
    small: Path, name: str, text: str | None, said: str
) -> None:
    watch, clock = CatalogWatch(small), Clock()
    before = watch.catalog
    good = (small / name).read_text()
    if text is None:
        (small / name).unlink()
    else:
        (small / name).write_text(text)
    assert "refused" in after(watch, clock)
    assert watch.catalog is before
    assert any(said in str(one) and one.severity == "error" for one in watch.complaints), watch.complaints
    assert all(one.file == str(small / name) for one in watch.complaints)
    (small / name).write_text(good)
    assert "taken up" in after(watch, clock)
    assert watch.complaints == ()


def until_taken_up(watch: CatalogWatch, clock: Clock, seconds: float) -> float | None:
    """Seconds until the files are taken up; None when they are not within ``seconds``."""
    begun = clock.now
    for now in clock.ticks(seconds):
        if watch.refresh(now) == "taken up":
            return now - begun
    return None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("feeds.yaml", SMALL[: SMALL.index("  - {id: b")]),  # the first lines of what it was
        ("feeds.yaml", "".join(SMALL.splitlines(keepends=True)[::2])),
        ("feeds.yaml", SMALL.replace("id: a", "id: z")),
        ("topics.yaml", TOPICS[: TOPICS.index("  - {id: pain")]),
    ],
)
def test_a_shorter_file_is_taken_up_within_two_seconds_too(small: Path, name: str, text: str) -> None:
    watch, clock = CatalogWatch(small), Clock()
    (small / name).write_text(text)
    taken = until_taken_up(watch, clock, 2.0)
    assert taken is not None
    assert taken <= 2.0 - TICK  # a look before, and time to read it
    assert len(watch.catalog.sources) + len(watch.catalog.rules.topics) < 4 or ids(watch) == ["z", "b"]
    assert not watch.complaints


LONG = """sources:
  - id: a
    feed: https://a.example.org/
    topics: []
    every: 2h
  - id: b
    feed: https://b.example.org/
    topics: []
    every: 2h
  - id: c
    feed: https://c.example.org/
    topics: []
    every: 2h
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LONG[: LONG.index("    every: 2h\n  - id: c")], "half of the file is missing"),
        (LONG[: LONG.index("  - id: c")] + "    # the end of a remark", "half"),
        (
            "# a new remark\n" + LONG[: LONG.index("example.org/\n    topics: []\n    every: 2h\n  - id: c")],
            "middle of a line",
        ),
        (
            LONG.replace("  - id: a", "  - id: x")[: LONG.index("    topics: []\n    every: 2h\n  - id: b") - 1]
            + "new",
            "half",
        ),
    ],
)
def test_what_ends_within_a_source_or_a_line_is_not_believed_for_a_while(small: Path, text: str, said: str) -> None:
    (small / "feeds.yaml").write_text(LONG)
    watch, clock = CatalogWatch(small), Clock()
    (small / "feeds.yaml").write_text(text)
    assert "taken up" not in after(watch, clock, DOUBTED - 1)
    assert ids(watch) == ["a", "b", "c"]
    assert said in str(watch.complaints[0])
    (small / "feeds.yaml").write_text(LONG)
    assert until_taken_up(watch, clock, 2.0)
    assert not watch.complaints


def test_a_file_that_somebody_has_open_for_writing_loses_no_source(small: Path) -> None:
    (small / "feeds.yaml").write_text(LONG)
    watch, clock = CatalogWatch(small), Clock()
    with (small / "feeds.yaml").open("w") as file:
        if not is_being_written(small / "feeds.yaml"):
            pytest.skip("this file system has no leases (fcntl(2), F_SETLEASE)")
        file.write(LONG[: LONG.index("  - id: b")])
        file.flush()
        assert set(after(watch, clock, DOUBTED - 1)) == {"waiting"}
        assert ids(watch) == ["a", "b", "c"]
        assert "still writing" in str(watch.complaints[0])
        file.write("  - {id: d, feed: https://d.example.org/, topics: []}\n")
        file.flush()
    assert until_taken_up(watch, clock, 2.0)
    assert ids(watch) == ["a", "d"]
    assert not watch.complaints


def test_what_somebody_keeps_open_for_ever_is_taken_up_in_the_end(small: Path) -> None:
    watch, clock = CatalogWatch(small), Clock()
    with (small / "feeds.yaml").open("w") as file:
        file.write(SMALL.replace("id: b", "id: z"))
        file.flush()
        assert "taken up" in after(watch, clock, DOUBTED + 1)
    assert ids(watch) == ["a", "z"]


def test_a_file_open_for_writing_that_loses_nothing_is_taken_up_at_once(small: Path) -> None:
    watch, clock = CatalogWatch(small), Clock()
    with (small / "feeds.yaml").open("a") as file:
        file.write("  - {id: z, feed: https://z.example.org/, topics: []}\n")
        file.flush()
        assert until_taken_up(watch, clock, 2.0)


def test_a_folder_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file"):
        CatalogWatch(tmp_path)


def test_two_hundred_random_writes_never_lose_a_source(small: Path) -> None:
    random_ = random.Random(20260304)  # noqa: S311  # the same writes every time
    feeds, topics = SMALL.encode(), TOPICS.encode()
    watch, clock = CatalogWatch(small), Clock()
    last_good = ["a", "b"]
    taken = 0
    for number in range(200):
        name, good = random_.choice([("feeds.yaml", feeds), ("topics.yaml", topics)])
        path = small / name
        way = random_.choice(["broken", "half", "empty", "gone", "renamed", "written", "bytes"])
        if way == "broken":
            position = random_.randrange(len(good))
            path.write_bytes(good[:position] + random_.choice([b"\t", b"{", b"]: [", b"\x00", b"'"]) + good[position:])
        elif way == "half":
            path.write_bytes(good[: random_.randrange(1, len(good) - 1)])
        elif way == "empty":
            path.write_bytes(b"")
        elif way == "gone":
            path.unlink(missing_ok=True)
        elif way == "bytes":
            path.write_bytes(random_.randbytes(60))
        elif way == "renamed":
            (small / "next").write_bytes(good + f"# {number}\n".encode())
            (small / "next").replace(path)
        else:
            path.write_bytes(good + f"# {number}\n".encode())
        outcomes = after(watch, clock, random_.choice([0.5, 1.0, 2.0]))
        taken += "taken up" in outcomes
        assert ids(watch) == last_good, f"write {number}: {way} of {name}"
        assert [topic.id for topic in watch.catalog.rules.topics] == ["ptsd", "pain"], f"write {number}: {way}"
    (small / "feeds.yaml").write_bytes(feeds + b"  - {id: c, feed: https://c.example.org/, topics: []}\n")
    (small / "topics.yaml").write_bytes(topics)
    assert "taken up" in after(watch, clock)
    assert ids(watch) == ["a", "b", "c"]
    assert taken > 10


def test_the_shipped_files_are_taken_up_after_a_comment(folder: Path) -> None:
    watch, clock = CatalogWatch(folder), Clock()
    digest = watch.catalog.digest
    with (folder / "feeds.yaml").open("a") as file:
        file.write("# seen\n")
    assert "taken up" in after(watch, clock)
    assert watch.catalog.digest == digest
