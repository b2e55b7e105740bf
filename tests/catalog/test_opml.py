"""Subscription lists: every outline is accounted for, nothing raises, and what goes out comes back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ketfeed.catalog.edit import add_sources
from ketfeed.catalog.imports import plan, propose_id, slugify
from ketfeed.catalog.load import load_marked
from ketfeed.catalog.marks import read_marked
from ketfeed.catalog.opml import read_opml, write_opml
from ketfeed.catalog.outlines import read_outlines
from ketfeed.catalog.table import NotATable, read_table, write_table
from ketfeed.model import Auth, PageRule, SitemapRule, Source, TopicRule

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
SHIPPED = Path(__file__).parents[2] / "config"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TOPICS = (TopicRule(id="ptsd", title="PTSD"), TopicRule(id="pain", title="Pain relief"))
IDS = frozenset({"ptsd", "pain"})


def imported(
    raw: bytes, topics: bytes = b"topics: [{id: ptsd, terms: [a]}, {id: pain, terms: [a]}]"
) -> tuple[Source, ...]:
    """A list written into an empty file and read back by the loader."""
    decided = plan(read_opml(raw, TOPICS)[1], (), IDS)
    text = add_sources("sources: []\n", decided.added)
    loaded = load_marked(read_marked("feeds.yaml", text.encode()), read_marked("topics.yaml", topics))
    assert loaded.errors == ()
    assert loaded.catalog is not None
    return loaded.catalog.sources


def corpus_lists() -> list[Path]:
    files = [path for path in sorted(CORPUS.glob("*/*/*")) if path.is_file()]
    return [path for path in files if path.parent.name == "opml" or path.suffix == ".opml"]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not there")
def test_every_outline_of_every_list_is_added_known_or_refused() -> None:
    lists = corpus_lists()
    assert len(lists) >= 29
    for path in lists:
        raw = path.read_bytes()
        outlines = len(re.findall(rb"<outline\b", re.sub(rb"<!--.*?-->", b"", raw, flags=re.DOTALL), re.IGNORECASE))
        decided = plan(read_opml(raw)[1], (), frozenset())
        assert len(decided.rows) == outlines, path.name
        assert decided.count("added") + decided.count("known") + decided.count("refused") == outlines
        assert all(row.reason for row in decided.rows if row.result != "added"), path.name


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not there")
def test_export_then_import_gives_the_same_sources_for_every_list() -> None:
    for path in corpus_lists():
        if not plan(read_opml(path.read_bytes())[1], (), frozenset()).added:
            continue
        first = imported(path.read_bytes())
        assert imported(write_opml("Sources", first, NOW)) == first, path.name
        table = plan(read_table(write_table(first)), (), IDS)
        assert [row.result for row in table.rows] == ["added"] * len(first), path.name


def test_every_outline_of_a_long_list_has_its_row() -> None:
    outlines = "".join(f'<outline text="Feed {n}" xmlUrl="https://h{n % 1500}.example.org/feed"/>' for n in range(1890))
    raw = f'<opml version="2.0"><body><outline text="All">{outlines}</outline></body></opml>'.encode()
    decided = plan(read_opml(raw)[1], (), frozenset())
    assert len(decided.rows) == 1891
    assert (decided.count("added"), decided.count("known"), decided.count("refused")) == (1500, 390, 1)


EVERYTHING = (
    Source(id="plain", url="https://a.example.org/feed", title="A & <b> \"c\" 'd'"),
    Source(
        id="rich", url="https://b.example.org/feed?a=1&b=2", title="Ünïcode 精神", homepage="https://b.example.org/",
        kind="journal", topics=("ptsd", "pain"), publish="link", relevance="all", every=5400, priority=-3, paused=True,
        language="en-GB", licence="CC BY 4.0", group="Journals / Psychiatry", headers=(("Accept-Language", "en"),),
        auth=Auth("bearer", "TOKEN"),
    ),
    Source(id="page", url="https://c.example.org/news", type="page", title="Page", group="Pages",
           page=PageRule(items="article > div", date="./time/@datetime")),
    Source(id="bare-page", url="https://c.example.org/blog", type="page", title="Bare"),
    Source(id="map", url="https://d.example.org/sitemap.xml", type="sitemap", title="Map",
           sitemap=SitemapRule(include="/blog/", exclude=r"\?page=")),
)  # fmt: skip


def test_nothing_is_lost_on_the_way_out_and_back() -> None:
    back = {source.id: source for source in imported(write_opml("All", EVERYTHING, NOW))}
    assert back == {source.id: source for source in EVERYTHING}


def test_a_table_loses_nothing_either() -> None:
    decided = plan(read_table(write_table(EVERYTHING)), (), IDS)
    text = add_sources("sources: []\n", decided.added)
    topics = read_marked("topics.yaml", b"topics: [{id: ptsd, terms: [a]}, {id: pain, terms: [a]}]")
    loaded = load_marked(read_marked("feeds.yaml", text.encode()), topics)
    assert loaded.catalog is not None, loaded.errors
    assert {source.id: source for source in loaded.catalog.sources} == {source.id: source for source in EVERYTHING}


def test_what_goes_out_is_opml_that_other_readers_understand() -> None:
    root = etree.fromstring(write_opml("All", EVERYTHING, NOW))
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert root.findtext("head/dateCreated") == "Wed, 04 Mar 2026 05:06:07 GMT"
    feeds = root.findall(".//outline[@type='rss']")
    assert [feed.get("xmlUrl") for feed in feeds] == [
        "https://a.example.org/feed",
        "https://b.example.org/feed?a=1&b=2",
    ]
    assert all(outline.get("text") for outline in root.iter("outline"))
    assert len(root.findall(".//outline[@text='Journals / Psychiatry']/outline")) == 1


def test_a_folder_named_as_a_topic_gives_the_topic_and_other_folders_the_group() -> None:
    raw = b"""<opml version="1.1"><body><outline text="Medicine"><outline TEXT="Post"><outline text="ptsd">
      <outline text="Feed" xmlUrl="https://a.example.org/"/></outline></outline></outline>
      <outline text="pain RELIEF"><outline text="Other" xmlUrl="https://b.example.org/"/></outline></body></opml>"""
    feed, other = imported(raw)
    assert (feed.topics, feed.group) == (("ptsd",), "Medicine / Post")
    assert (other.topics, other.group) == (("pain",), None)


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        pytest.param(b"<OPML><BODY><OUTLINE TITLE='A' XMLURL='https://a.example.org/'/></BODY></OPML>",
                     [("A", "added")], id="upper-case"),
        pytest.param(b'<opml><outline text="R & D" xmlUrl="https://a.example.org/?a=1&b=2"/></opml>',
                     [("R & D", "added")], id="bare-ampersands"),
        pytest.param(b'<opml>'
                     b'<outline text="A" xmlUrl="https://a.example.org/"><outline text="B" xmlUrl="https://b.example.org/"',
                     [("A", "added"), ("B", "added")], id="cut-off"),
        pytest.param(b'<opml>'
                     b'<outline text="A xmlUrl="https://a.example.org/"/><outline text="B" xmlUrl="https://b.example.org/"/></opml>',
                     [("A xmlUrl=", "refused"), ("B", "added")], id="lost-quote"),
        pytest.param(b'<opml>'
                     b'<outline text="a < b" xmlUrl=https://a.example.org/ /></opml>',
                     [("a < b", "added")], id="bare-value"),
        pytest.param(b'<opml>'
                     b'<outline text="A" xmlUrl="feed:https://a.example.org/"/><outline text="B" xmlUrl="FEED://b.example.org/x"/></opml>',
                     [("A", "added"), ("B", "added")], id="feed-scheme"),
        pytest.param(b'<opml>'
                     b'<outline text="A" xmlUrl="ftp://a.org/"/><outline text="B" xmlUrl=" "/><outline/></opml>',
                     [("A", "refused"), ("B", "refused"), ("", "refused")], id="no-feed"),
        pytest.param(b'<opml>'
                     b'<outline xmlUrl="http://www.A.example.org:80/f/"/><outline xmlUrl="https://a.example.org/f#x"/></opml>',
                     [("a-example-org-f", "added"), ("", "known")], id="other-spellings"),
        pytest.param(b'<opml><!-- <outline text="no"/> --><![CDATA[<outline text="no"/>]]><outline text="yes"/></opml>',
                     [("yes", "refused")], id="comments"),
        pytest.param(b'<!DOCTYPE opml [<!ENTITY x "<outline>">]><opml><outline text="&x;&amp;&eacute;"/></opml>',
                     [("&x;&\xc3\xa9".encode("latin-1").decode(), "refused")], id="entities"),
        pytest.param("<?xml version='1.0' encoding='utf-16'?><opml><outline text='é'/></opml>".encode("utf-16"),
                     [("é", "refused")], id="utf-16"),
        pytest.param("<?xml version='1.0' encoding='iso-8859-1'?><opml><outline text='é'/></opml>".encode("latin-1"),
                     [("é", "refused")], id="latin-1"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\x00\xff\xfe<out", [], id="noise"),
    ],
)  # fmt: skip
def test_lists_are_read_as_far_as_they_go(raw: bytes, rows: list[tuple[str, str]]) -> None:
    decided = plan(read_opml(raw)[1], (), frozenset())
    assert [(row.title, row.result) for row in decided.rows] == rows


def test_a_known_source_is_named() -> None:
    known = (Source(id="mine", url="https://www.a.example.org/feed/"),)
    raw = b'<opml><outline text="A" xmlUrl="http://a.example.org/feed?utm_source=x"/></opml>'
    (row,) = plan(read_opml(raw)[1], known, frozenset()).rows
    assert (row.result, row.id) == ("known", "mine")


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    read_outlines(raw)
    plan(read_opml(b"<opml><outline " + raw)[1], (), frozenset())


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_title_and_address_give_a_usable_row(title: str, url: str) -> None:
    source = Source(
        id="x", url="https://x.example.org/" + "".join(c for c in url if c.isalnum()), title=title.strip() or "t"
    )
    (row,) = plan(read_opml(write_opml("t", [source], NOW))[1], (), frozenset()).rows
    assert row.result == "added"
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", row.id or "")


def test_ten_thousand_unclosed_quotes_are_read_in_a_moment() -> None:
    raw = b"<opml>" + b"<outline text=\"a xmlUrl='b " * 10_000
    assert len(read_outlines(raw).outlines) == 10_000


def test_tables_of_other_people_are_read() -> None:
    raw = b"Name;Feed URL;Website;Tags\r\nA;https://a.example.org/;https://a.example.org/;ptsd|pain\r\nB;;;\r\n"
    decided = plan(read_table(raw), (), IDS)
    assert [(row.title, row.result) for row in decided.rows] == [("A", "added"), ("B", "refused")]
    assert decided.added[0]["topics"] == ["ptsd", "pain"]
    with pytest.raises(NotATable, match="no column url"):
        read_table(b"a,b\n1,2\n")


@pytest.mark.parametrize(
    ("text", "encoding", "title"),
    [
        ('title;url\r\n"A; b";https://a.example.org/\r\n', "utf-8-sig", "A; b"),
        ('title,url\n"A\nB ""q""",https://a.example.org/\n', "utf-8", 'A B "q"'),
        ("sep=;\r\ntitle;url\r\nA;https://a.example.org/\r\n", "utf-8", "A"),
        ("title\turl\r\nÄ\thttps://a.example.org/\r\n", "utf-16", "Ä"),
        ('\n\nurl;"title, long";title\nhttps://a.example.org/;x;A\n', "utf-8", "A"),
        ("title,url\nA\u200b \u202eb\x00,https://a.example.org/\n", "utf-8", "A b"),
    ],
)
def test_tables_are_read_with_any_quotes_separator_and_encoding(text: str, encoding: str, title: str) -> None:
    (row,) = plan(read_table(text.encode(encoding)), (), IDS).rows
    assert (row.title, row.xml_url, row.result) == (title, "https://a.example.org/", "added")


def test_ids_are_slugs_of_the_title_else_of_the_host() -> None:
    assert propose_id("The Lancet: Psychiatry & Mind", "https://x.example.org/") == "the-lancet-psychiatry-and-mind"
    assert propose_id("精神", "https://www.example.org/feed/") == "example-org-feed"
    assert slugify("Crème brûlée's") == "creme-brulees"
    assert len(slugify("word " * 40)) <= 60
