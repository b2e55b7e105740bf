"""Edits of feeds.yaml: an editor's comments, order, quotes and blank lines stay as they are."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from ketfeed.catalog.cuts import EditRefused
from ketfeed.catalog.disk import FileChanged, read_text, write_file
from ketfeed.catalog.edit import add_sources, remove_source, rename_source, set_address, set_key
from ketfeed.catalog.load import load_marked
from ketfeed.catalog.marks import read_marked
from ketfeed.errors import CatalogError
from ketfeed.model import Source

FILES = sorted((Path(__file__).parent / "yaml").glob("*.yaml"))
TOPICS = b"topics: [{id: ptsd, terms: [ptsd]}, {id: pain, terms: [pain]}, {id: research, terms: [study]}]\n"
NEW = {"id": "new", "title": "New: one", "feed": "https://new.example.org/feed?a=1&b=2", "topics": ["pain"]}

every_file = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


def text_of(path: Path) -> str:
    return read_text(path)[1]


def sources_of(text: str) -> dict[str, Source]:
    """What the file says now; it must say it without any error."""
    loaded = load_marked(read_marked("feeds.yaml", text.encode()), read_marked("topics.yaml", TOPICS))
    assert loaded.errors == ()
    assert loaded.catalog is not None
    return {source.id: source for source in loaded.catalog.sources}


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines taken out and lines put in, with their line breaks."""
    matcher = difflib.SequenceMatcher(
        None, old := before.splitlines(True), new := after.splitlines(True), autojunk=False
    )
    out: list[str] = []
    put: list[str] = []
    for tag, start, end, start_new, end_new in matcher.get_opcodes():
        if tag != "equal":
            out += old[start:end]
            put += new[start_new:end_new]
    return out, put


def is_inline(text: str) -> bool:
    """Whether the source ``middle`` is written in braces."""
    line = next(line for line in text.splitlines() if "middle" in line and "id" in line)
    return "{" in line or "middle," in line


def test_there_are_at_least_forty_files_and_each_is_good() -> None:
    assert len(FILES) >= 40
    for path in FILES:
        assert "middle" in sources_of(text_of(path)), path.name


@every_file
def test_pausing_changes_one_line_and_resuming_gives_the_file_back(path: Path) -> None:
    text = text_of(path)
    paused = set_key(text, "middle", "paused", True)
    out, put = changed_lines(text, paused)
    assert sources_of(paused)["middle"].paused
    # a line without a break at the end of the file, one in braces, and a value that was there already are rewritten
    rewrites = not text.endswith("\n") or is_inline(text) or "paused: false" in text or "},\n" in text
    assert len(out) <= (1 if rewrites else 0)
    assert len(put) <= len(out) + 1
    if "paused: false" not in text:
        assert set_key(paused, "middle", "paused", None) == text
    else:
        assert set_key(paused, "middle", "paused", False) == text


@every_file
def test_another_title_changes_the_lines_of_the_title_only(path: Path) -> None:
    text = text_of(path)
    if "title: *t" in text:
        with pytest.raises(EditRefused, match="by hand"):  # another source's title would change with it
            set_key(text, "middle", "title", "Another")
        return
    edited = set_key(text, "middle", "title", 'Another: "title", it\'s #1')
    assert sources_of(edited)["middle"].title == 'Another: "title", it\'s #1'
    out, put = changed_lines(text, edited)
    assert len(put) == 1
    assert all("iddle" in line or "line" in line or "title" in line or not line.strip() for line in out)
    assert len(out) <= 3
    others = {name: source for name, source in sources_of(text).items() if name != "middle"}
    assert {name: sources_of(edited)[name].url for name in others} == {name: one.url for name, one in others.items()}


@every_file
def test_the_same_value_again_changes_nothing(path: Path) -> None:
    text = text_of(path)
    source = sources_of(text)["middle"]
    title = read_marked("feeds.yaml", text.encode()).data["sources"]
    given = next(item for item in title if item["id"] == "middle").get("title")
    if given is not None:
        assert set_key(text, "middle", "title", given) == text
    assert set_address(text, "middle", source.url) == text
    assert rename_source(text, "middle", "middle") == text


@every_file
@pytest.mark.parametrize("topics", [["research"], ["ptsd", "pain"], ["ptsd"], ["ptsd", "research", "pain"], []])
def test_other_topics_change_the_lines_of_the_topics_only(path: Path, topics: list[str]) -> None:
    text = text_of(path)
    edited = set_key(text, "middle", "topics", topics)
    assert sources_of(edited)["middle"].topics == tuple(topics)
    out, _ = changed_lines(text, edited)
    for line in out:
        allowed = ("topics", "- ptsd", "- research", "- pain", "# a thought", "middle")
        assert any(word in line for word in allowed) or not line.strip(), line


@every_file
def test_an_interval_is_added_and_taken_out_again(path: Path) -> None:
    text = text_of(path)
    edited = set_key(text, "middle", "every", "2h")
    assert sources_of(edited)["middle"].every == 7200
    if "every: 90s" not in text:
        assert set_key(edited, "middle", "every", None) == text


@every_file
def test_another_address_changes_one_line(path: Path) -> None:
    text = text_of(path)
    edited = set_address(text, "middle", "https://other.example.org/x?y=1&z=2#a")
    assert sources_of(edited)["middle"].url == "https://other.example.org/x?y=1&z=2#a"
    assert sources_of(edited)["middle"].type == sources_of(text)["middle"].type
    out, put = changed_lines(text, edited)
    assert len(put) == 1
    assert len(out) <= 2  # a value on a line of its own comes up to its key


@every_file
def test_a_removed_source_takes_its_own_lines_and_no_others(path: Path) -> None:
    text = text_of(path)
    if len(sources_of(text)) < 2:
        pytest.fail("a file of one source shows nothing here")
    mentioned = "- middle" in text or "[first, middle]" in text
    if "title: *t" in text:
        with pytest.raises(EditRefused, match="by hand"):  # another source needs what stands here
            remove_source(text, "middle")
        return
    edited = remove_source(text, "middle")
    if mentioned:  # named feeds speak of it: the file must not be written like this, see write_file
        assert load_marked(read_marked("feeds.yaml", edited.encode()), read_marked("t", TOPICS)).errors
    else:
        assert set(sources_of(edited)) == set(sources_of(text)) - {"middle"}
    out, put = changed_lines(text, edited)
    assert put == [] or not text.endswith("\n") or is_inline(text)
    comments = [line for line in out if line.lstrip().startswith("#")]
    inside = ("# end of middle", "# above title", "# above feed", "# a thought", "# XPath")
    assert all(any(word in line for word in inside) for line in comments), comments


@every_file
def test_an_added_source_is_put_in_whole_and_taken_out_again(path: Path) -> None:
    text = text_of(path)
    edited = add_sources(text, [NEW])
    added = sources_of(edited)["new"]
    assert (added.title, added.url, added.topics) == (NEW["title"], NEW["feed"], ("pain",))
    out, put = changed_lines(text, edited)
    rewritten = text.startswith(("sources: [", "{")) or not text.endswith("\n")
    assert len(out) <= (1 if rewritten else 0)
    assert len([line for line in put if line.strip()]) <= 4 + len(out)
    again = remove_source(edited, "new")
    if again != text:  # at most the blank line that set it apart stays
        left = changed_lines(text, again)
        assert left == ([], ["\n"])


@every_file
def test_many_sources_are_added_in_their_order(path: Path) -> None:
    text = text_of(path)
    many = [{"id": f"new-{n}", "feed": f"https://new.example.org/{n}"} for n in range(20)]
    names = list(sources_of(add_sources(text, many)))
    assert names == [*sources_of(text), *(f"new-{n}" for n in range(20))]


@every_file
def test_another_id_changes_each_line_that_speaks_of_it_and_can_be_undone(path: Path) -> None:
    text = text_of(path)
    edited = rename_source(text, "middle", "centre")
    assert [name.replace("centre", "middle") for name in sources_of(edited)] == list(sources_of(text))
    out, put = changed_lines(text, edited)
    assert len(out) == len(put) <= 3
    assert all("middle" in line for line in out)
    assert rename_source(edited, "centre", "middle") == text


def test_a_new_source_goes_behind_the_last_of_its_group() -> None:
    text = text_of(Path(__file__).parent / "yaml" / "sections.yaml")
    edited = add_sources(text, [{**NEW, "group": "A"}])
    assert list(sources_of(edited)) == ["first", "new", "middle", "last"]


def test_a_first_source_goes_into_a_file_without_any() -> None:
    for text in ("", "sources: []\n", "sources:\n", "site: {title: x}\n", "# only a comment\n"):
        if not text.strip() or text.startswith("#"):
            with pytest.raises(EditRefused):
                add_sources(text, [NEW])
            continue
        assert list(sources_of(add_sources(text, [NEW]))) == ["new"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x-a: &a {id: a, feed: 'https://a.example.org/'}\nsources:\n  - *a\n", "alias"),
        ("sources: &s\n  - {id: b, feed: 'https://a.example.org/'}\n", "no source a"),
        ("sources:\n  - id: a\n  feed: x\n", "not YAML"),
        ("- a\n", "not a mapping"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(EditRefused, match=why):
        set_key(text, "a", "title", "T")


def test_the_last_source_is_not_removed() -> None:
    with pytest.raises(EditRefused, match="last source"):
        remove_source("sources:\n  - {id: a, feed: 'https://a.example.org/'}\n", "a")


# ---------------------------------------------------------------- on disk

GOOD = "# mine\nsources:\n  - id: a\n    feed: https://a.example.org/\n"


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    path = tmp_path / "feeds.yaml"
    path.write_bytes(GOOD.encode())
    return path


def test_a_file_somebody_changed_meanwhile_is_not_written(feeds: Path) -> None:
    raw, text = read_text(feeds)
    feeds.write_text(GOOD + "# theirs\n")
    with pytest.raises(FileChanged, match="somebody else"):
        write_file(feeds, raw, set_key(text, "a", "paused", True))
    assert feeds.read_text() == GOOD + "# theirs\n"


def test_a_change_that_makes_an_error_is_not_written(feeds: Path) -> None:
    raw, text = read_text(feeds)
    with pytest.raises(CatalogError, match="every"):
        write_file(feeds, raw, set_key(text, "a", "every", "soon"))
    assert feeds.read_text() == GOOD


def test_mode_and_link_of_a_file_stay(feeds: Path, tmp_path: Path) -> None:
    feeds.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(feeds.name)
    raw, text = read_text(link)
    write_file(link, raw, set_key(text, "a", "paused", True))
    assert link.is_symlink()
    assert feeds.stat().st_mode & 0o777 == 0o640
    assert "paused: true" in feeds.read_text()


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(feeds: Path) -> None:
    raw, text = read_text(feeds)
    after = set_key(text, "a", "paused", True)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fail)  # the only way to a full disk without one
        with pytest.raises(Exception, match="No space left"):
            write_file(feeds, raw, after)
    assert feeds.read_text() == GOOD
    assert [path.name for path in feeds.parent.iterdir()] == ["feeds.yaml"]


def test_a_byte_order_mark_stays(feeds: Path) -> None:
    feeds.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    raw, text = read_text(feeds)
    write_file(feeds, raw, set_key(text, "a", "paused", True))
    assert feeds.read_bytes().startswith(b"\xef\xbb\xbf# mine")


def test_a_title_with_characters_nobody_sees_is_written_so_that_check_takes_it() -> None:
    title = "a\u200bb\u202ec\x85d"
    text = add_sources(
        "sources: []\n", [{"id": "odd", "title": title, "feed": "https://odd.example.org/", "topics": []}]
    )
    marked = read_marked("feeds.yaml", text.encode())
    assert not marked.complaints
    assert marked.data["sources"][-1]["title"] == title
