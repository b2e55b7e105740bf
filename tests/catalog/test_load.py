"""A folder becomes a catalog, or every complaint at once with its line and what to write instead."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from ketfeed.catalog.checks import Surroundings
from ketfeed.catalog.load import Loaded, load_catalog

SHIPPED = Path(__file__).parents[2] / "config"
TOPICS = "topics:\n  - {id: ptsd, title: PTSD, terms: [ptsd]}\n  - {id: pain, terms: [pain]}\n"


def load(folder: Path, feeds: str | None, topics: str | None = TOPICS) -> Loaded:
    if feeds is not None:
        (folder / "feeds.yaml").write_text(feeds, encoding="utf-8")
    if topics is not None:
        (folder / "topics.yaml").write_text(topics, encoding="utf-8")
    return load_catalog(folder)


def test_the_shipped_files_load_without_a_single_complaint() -> None:
    loaded = load_catalog(SHIPPED)
    assert [str(complaint) for complaint in loaded.complaints] == []
    assert loaded.catalog is not None
    assert len(loaded.catalog.sources) >= 45
    assert len(loaded.catalog.rules.topics) == 14
    assert len(loaded.catalog.feeds) == 15


def test_a_source_needs_only_an_id_and_an_address(tmp_path: Path) -> None:
    loaded = load(tmp_path, "sources:\n  - id: psypost\n    feed: https://www.psypost.org/feed/\n", topics=None)
    assert loaded.catalog is not None
    [source] = loaded.catalog.sources
    assert (source.id, source.type, source.title) == ("psypost", "feed", "psypost")
    assert (source.kind, source.publish, source.relevance, source.every) == ("news", "summary", "filter", None)
    assert {complaint.severity for complaint in loaded.complaints} == {"warning"}


def test_defaults_fill_what_a_source_does_not_say(tmp_path: Path) -> None:
    feeds = (
        "defaults: {every: 2h, publish: link, relevance: all, kind: journal, language: de, priority: 3}\n"
        "sources:\n"
        "  - {id: a, feed: https://a.org/f, topics: [ptsd], every: 90s, publish: full}\n"
        "  - {id: b, page: {url: https://b.org/, items: article}, topics: []}\n"
        "  - {id: c, sitemap: {url: https://c.org/s.xml, include: /blog/}, topics: [], auth: {bearer_env: C_TOKEN}}\n"
    )
    loaded = load(tmp_path, feeds)
    assert loaded.catalog is not None, loaded.complaints
    a, b, c = loaded.catalog.sources
    assert (a.every, a.publish, a.relevance, a.kind, a.language, a.priority, a.topics) == (
        90, "full", "all", "journal", "de", 3, ("ptsd",),
    )  # fmt: skip
    assert (b.type, b.url, b.page.items, b.every) == ("page", "https://b.org/", "article", 7200)
    assert (c.type, c.sitemap.include) == ("sitemap", "/blog/")
    assert c.auth is not None
    assert (c.auth.scheme, c.auth.env) == ("bearer", "C_TOKEN")


WRONG: list[tuple[str, str, int, str, str]] = [
    ("unknown key", "sources:\n  - id: a\n    feeed: https://a.org/\n", 3, "sources[0].feeed", "did you mean feed?"),
    ("no address", "sources:\n  - id: a\n    topics: []\n", 2, "sources[0]", "add feed: https://…"),
    ("duration", "sources:\n  - {id: a, feed: https://a.org/f,\n     every: 5}\n", 3, "sources[0].every", "every: 1h"),
    ("two ids", "sources:\n  - {id: a, feed: https://a.org/f}\n  - {id: a, feed: https://b.org/f}\n", 3,
     "sources[1].id", "line 2"),
    ("topic", "sources:\n  - id: a\n    feed: https://a.org/f\n    topics: [ptds]\n", 4, "sources[0].topics[0]",
     "did you mean ptsd?"),
    ("scheme", "sources:\n  - id: a\n    feed: ftp://a.org/f\n", 3, "sources[0].feed", "unsupported scheme"),
    ("blank", "sources:\n  - id: a\n    feed: https://a.org/{ID}\n", 3, "sources[0].feed", "blank to fill in"),
    ("no", "sources:\n  - id: a\n    feed: https://a.org/f\n    paused: no\n", 4, "sources[0].paused", "write false"),
    ("octal", "sources:\n  - id: a\n    feed: https://a.org/f\n    priority: 010\n", 4, "sources[0].priority", "octal"),
    ("tab", "sources:\n  - id: a\n\tfeed: https://a.org/f\n", 3, "", "tab"),
    ("twice", "sources:\n  - id: a\n    feed: https://a.org/f\n    id: b\n", 4, "sources[0].id", "written twice"),
    ("empty", "", 1, "", "empty"),
    ("comments only", "# nothing\n", 1, "", "empty"),
    ("no sources", "sources: []\n", 1, "sources", "no sources"),
    ("sources gone", "site: {title: X}\n", 1, "", "sources"),
    ("a list", "- id: a\n", 1, "", "not a mapping"),
    ("quote", 'sources:\n  - id: "a\n    feed: https://a.org/f\n', 2, "", "quote"),
    ("kind", "sources:\n  - {id: a, feed: https://a.org/f, kind: jornal}\n", 2, "sources[0].kind", "journal"),
    ("two ways", "sources:\n  - id: a\n    feed: https://a.org/f\n    page: https://a.org/\n", 4, "sources[0].page",
     "cannot both"),
    ("secret", "sources:\n  - id: a\n    feed: https://me:secret@a.org/f\n", 3, "sources[0].feed", "basic_env"),
    ("slug", "sources:\n  - {id: a, feed: https://a.org/f}\nfeeds:\n  - {slug: pain, title: P}\n", 4,
     "feeds[0].slug", "topic has this address"),
    ("header", 'sources:\n  - id: a\n    feed: https://a.org/f\n    headers: {X-A: "a\\nb"}\n', 4,
     "sources[0].headers.X-A", "one line"),
]  # fmt: skip


@pytest.mark.parametrize(("feeds", "line", "key", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_an_error_names_its_line_its_key_and_what_to_write(
    tmp_path: Path, feeds: str, line: int, key: str, words: str
) -> None:
    loaded = load(tmp_path, feeds)
    assert loaded.catalog is None
    found = [one for one in loaded.errors if one.line == line and one.key == key and words in str(one)]
    assert found, [str(one) for one in loaded.complaints]
    assert str(found[0]).startswith(f"{tmp_path / 'feeds.yaml'}:{line}:")


def test_all_complaints_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    feeds = (
        "sources:\n  - {id: A, feed: x}\n  - {id: b, feed: https://b.org/f, every: 1x}\n  - {feed: https://c.org/f}\n"
    )
    loaded = load(tmp_path, feeds, "topics:\n  - {id: ptsd, trems: [ptsd]}\n")
    assert len(loaded.errors) >= 5
    places = [(one.file, one.line) for one in loaded.complaints]
    assert places == sorted(places)


@pytest.mark.parametrize("missing", ["feeds.yaml", "both"])
def test_a_missing_feeds_file_is_an_error_that_names_the_file(tmp_path: Path, missing: str) -> None:
    loaded = load(tmp_path, None, TOPICS if missing == "feeds.yaml" else None)
    assert loaded.catalog is None
    assert str(tmp_path / "feeds.yaml") in str(loaded.errors[0])


def test_the_same_address_in_another_spelling_is_a_warning(tmp_path: Path) -> None:
    feeds = (
        "sources:\n  - {id: a, feed: https://www.a.org/feed/, topics: []}\n"
        "  - {id: b, feed: http://a.org/feed, topics: []}\n"
    )
    loaded = load(tmp_path, feeds)
    assert loaded.catalog is not None
    assert [(one.severity, one.line, one.key) for one in loaded.complaints] == [("warning", 3, "sources[1].feed")]


def test_a_private_address_is_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, "sources:\n  - {id: a, feed: 'http://127.0.0.1:9/f', topics: []}\n")
    assert loaded.catalog is not None
    assert "blocked_address" in str(loaded.complaints[0])


def test_an_empty_topics_file_is_a_warning_and_a_broken_one_an_error(tmp_path: Path) -> None:
    feeds = "sources:\n  - {id: a, feed: https://a.org/f, topics: []}\n"
    assert load(tmp_path, feeds, "").catalog is not None
    assert load(tmp_path, feeds, "topics: [").catalog is None


def test_groups_expand_alone_and_inside_phrases(tmp_path: Path) -> None:
    topics = (
        "groups: {drug: [ketamine, Spravato], place: [clinic, $drug centre]}\n"
        "topics:\n  - id: access\n    terms:\n      - $drug $place\n      - {any: [$drug], weight: 2, with: $place}\n"
    )
    loaded = load(tmp_path, "sources:\n  - {id: a, feed: https://a.org/f, topics: []}\n", topics)
    assert loaded.catalog is not None, loaded.complaints
    texts = [term.text for term in loaded.catalog.rules.topics[0].terms]
    assert texts[:3] == ["ketamine clinic", "ketamine ketamine centre", "ketamine Spravato centre"]
    assert texts[-2:] == ["ketamine", "Spravato"]
    assert loaded.catalog.rules.topics[0].terms[-1].near == ("clinic", "ketamine centre", "Spravato centre")


def test_the_digest_changes_with_meaning_and_not_with_comments(tmp_path: Path) -> None:
    feeds = "sources:\n  - {id: a, feed: https://a.org/f, topics: []}\n"
    first = load(tmp_path, feeds).catalog
    commented = load(tmp_path, f"# comment\n\n{feeds}").catalog
    changed = load(tmp_path, feeds.replace("a.org", "b.org")).catalog
    assert first is not None
    assert commented is not None
    assert changed is not None
    assert first.digest == commented.digest
    assert first.digest != changed.digest


def test_warnings_know_what_the_operator_allowed_and_set(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        "sources:\n  - {id: a, feed: 'http://127.0.0.1/', topics: [], auth: {bearer_env: LAB_TOKEN}}\n"
    )
    (tmp_path / "topics.yaml").write_text("topics: []\n")
    warned = [one.problem for one in load_catalog(tmp_path, Surroundings((), frozenset())).complaints]
    assert any("127.0.0.1" in problem for problem in warned)
    assert any("LAB_TOKEN" in problem for problem in warned)
    allowed = Surroundings((ip_network("127.0.0.0/8"),), frozenset({"LAB_TOKEN"}))
    assert load_catalog(tmp_path, allowed).complaints == ()


def test_an_interval_that_polling_does_not_keep_is_a_warning_at_its_line(tmp_path: Path) -> None:
    feeds = (
        "defaults: {every: 5s}\nsources:\n"
        "  - {id: a, feed: https://a.org/f, topics: [], every: 59s}\n"
        "  - {id: b, feed: https://b.org/f, topics: [], every: 60s}\n"
        "  - {id: c, feed: https://c.org/f, topics: [], every: 7d}\n"
        "  - {id: d, feed: https://d.org/f, topics: [], every: 8d}\n"
    )
    loaded = load(tmp_path, feeds)
    assert loaded.catalog is not None
    assert [(one.severity, one.line, one.key, one.advice) for one in loaded.complaints] == [
        ("warning", 1, "defaults.every", "write every: 1m"),
        ("warning", 3, "sources[0].every", "write every: 1m"),
        ("warning", 6, "sources[3].every", "write every: 7d"),
    ]
    patient = Surroundings(shortest=5, longest=30 * 86_400)
    assert load_catalog(tmp_path, patient).complaints == ()


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("feeds.yaml", "sources:\n  - https://a.org/feed\n", "write - {id: a-org-feed, feed: https://a.org/feed}"),
        ("feeds.yaml", "sources:\n  - {id: a, feed: https://a.org/, topics: ptsd}\n", "write topics: [ptsd]"),
        ("topics.yaml", "topics:\n  - ptsd\n", "write - {id: ptsd, terms: [ptsd]}"),
    ],
)
def test_a_bare_word_where_more_is_wanted_is_shown_with_what_goes_round_it(
    tmp_path: Path, name: str, text: str, advice: str
) -> None:
    texts = {"feeds.yaml": "sources:\n  - {id: a, feed: https://a.org/, topics: []}\n", "topics.yaml": "topics: []\n"}
    loaded = load(tmp_path, *(texts | {name: text}).values())
    assert loaded.catalog is None
    assert advice in [one.advice for one in loaded.errors]
