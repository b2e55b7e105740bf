"""What fuzzing and measuring found, kept so that it stays mended."""

# ruff: noqa: E501  # tables of input are easier to read wide

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from tests.ingest.fuzz import check_document

from ketfeed.errors import PollError
from ketfeed.ingest import html
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document, renormalise
from ketfeed.ingest.people import read_person
from ketfeed.model import NormalisedFeed, Source

HEAD, END = b'<rss version="2.0"><channel><title>x</title>', b"</channel></rss>"
HOSTILE = {
    "a megabyte of <": HEAD + b"<item><title>" + b"<" * 1_000_000 + b"</title></item>" + END,
    "a megabyte of &": HEAD + b"<item><title>" + b"&" * 1_000_000 + b"</title></item>" + END,
    "an author of 200 KB": HEAD + b"<item><author>" + b"a" * 200_000 + b"@" * 2_000 + b"</author></item>" + END,
    "a date of 100 KB": HEAD + b"<item><pubDate>" + b"1" * 100_000 + b"</pubDate></item>" + END,
    "100,000 CDATA begun": HEAD + b"<item><title>" + b"<![CDATA[" * 100_000 + b"</title></item>" + END,
    "100,000 declarations": HEAD + b"<!x " * 100_000 + END,
    "50,000 nested div": HEAD + b"<item><description><![CDATA[" + b"<div>" * 50_000 + b"]]></description></item>" + END,
    "30,000 half links": HEAD + b"<item><description><![CDATA[" + b'<a href="' * 30_000 + b"]]></description></item>" + END,
    "a short entity 100,000 times": b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 90 + b'">]>' + HEAD + b"<item><title>" + b"&a;" * 100_000 + b"</title></item>" + END,
    "a reference of 9,000 digits": HEAD + b"<item><title>&amp;#" + b"1" * 9_000 + b";</title></item>" + END,
    "JSON of 100,000 brackets": b'{"version":"https://jsonfeed.org/version/1","items":' + b"[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_is_read_or_refused_within_seconds(body: bytes) -> None:
    start = time.perf_counter()
    check_document(body)
    assert time.perf_counter() - start < 5


def test_a_text_inside_a_text_of_an_ill_formed_document_is_read() -> None:
    check_document(b'<entry<title type="xml<title</title<>')  # seed 10098438


@pytest.mark.parametrize(
    "body",
    [b"<rdf:-- xmlns:rdf='x'/>", b"<pect:/>", b"<rdf:RDmode/>"],  # seeds 726, 1791, 1872: names lxml itself refuses
)
def test_a_sitemap_with_impossible_element_names_is_no_sitemap(body: bytes) -> None:
    check_document(body, "sitemap")


@pytest.mark.parametrize(
    "markup",
    [
        '\n"-->', ">é\n", "one\r\ntwo", "<p>one\r\ntwo</p>",  # seeds 53, 60, 102470: white space at the ends, CR LF
        "<h2>\n</h2><h2><font></h2><h2><font><h2></font>", "<pre>\n\nx</pre>", "<a href=1><li>a<li>b</a>", "<a href=1><summary><a href=2>x</a>", '<a href="" title>x</a>',
        '<a href="//xn--amp//x">x</a>', "<b><p>" * 190 + "x", "\ud800<b>x</b>", "&" * 100_000, "<p>" * 300 + "&" * 60_000, "<dd><table><dd></dd><dd>", "<a><table><a></a><table>",
        "<p>a<marquee><p>b", "one&#13;two", "<a href=1>a</a><a href=2>b&#13;</a>", "<ul><li>a<ul><li>b</ul><li>c</ul>", "<li>a<h2>b<li>c<h3>d",
    ],
)  # fmt: skip
def test_cleaned_markup_is_a_fixed_point(markup: str) -> None:
    once = html.clean(markup, "https://example.org/", Limits())
    assert html.clean(once, "https://example.org/", Limits()) == once


@pytest.mark.parametrize(
    "body", [b'<a href="/blog/a-b" \xe2\x80\xae:="1">x</a>', b'<a href="/blog/a-b" a:<="1" \x01="2">x</a>']
)
def test_a_page_with_impossible_attribute_names_is_read(body: bytes) -> None:
    check_document(body, "page")  # seeds 907169, 1001134


def test_half_a_surrogate_pair_in_json_becomes_a_replacement_character() -> None:
    body = b'{"version":"https://jsonfeed.org/version/1","items":[{"id":"1","title":"a\\ud800b","content_html":"<p>\\udfff</p>"}]}'
    now = datetime(2026, 6, 1, tzinfo=UTC)
    feed = read_document(Document(body, None, "https://example.org/f"), Source(id="s", url="x"), now, Limits())
    assert feed.entries[0].title == "a\ufffdb"
    check_document(body)


def _read(items: str) -> NormalisedFeed:
    body = HEAD + items.encode() + END
    now = datetime(2026, 6, 1, tzinfo=UTC)
    return read_document(Document(body, None, "https://example.org/f"), Source(id="s", url="x"), now, Limits())


def test_only_the_newest_entries_within_the_limit_are_kept_in_the_documents_order() -> None:
    items = "".join(f"<item><guid>{day}</guid><pubDate>2024-01-{day:02}</pubDate></item>" for day in range(1, 10))
    now = datetime(2026, 6, 1, tzinfo=UTC)
    document = Document(HEAD + items.encode() + END, None, "https://example.org/f")
    feed = read_document(document, Source(id="s", url="x"), now, Limits(entries=3))
    assert [entry.raw_id for entry in feed.entries] == ["7", "8", "9"]
    assert any("9 in the document" in note for note in feed.notes)


def test_normalising_again_from_the_raw_fields_gives_the_same_entry() -> None:
    feed = _read(
        "<item><guid>1</guid><title>R&amp;amp;D</title><description>&lt;p&gt;a &lt;a href='/x'&gt;b&lt;/a&gt;</description></item>"
    )
    assert renormalise(feed.entries[0]) == feed.entries[0]


def test_entries_do_not_change_with_their_wrapping() -> None:
    item = "<item><guid>1</guid><title>One</title></item>"
    assert _read(item).entries == _read(f"<!-- built 12:01 --><lastBuildDate>x</lastBuildDate>{item}").entries
    assert _read(item).entries != _read(item.replace("One", "Two")).entries


@pytest.mark.parametrize(
    ("text", "name", "email"),
    [
        ("jane@example.org (Jane Doe)", "Jane Doe", "jane@example.org"),
        ("Jane Doe <jane@example.org>", "Jane Doe", "jane@example.org"),
        ("jane@example.org", "", "jane@example.org"),
        ("john@example.org ( )", "", "john@example.org"),
        ("Müller &amp; Söhne", "Müller & Söhne", None),
    ],
)
def test_a_person_is_read_from_the_ways_feeds_write_one(text: str, name: str, email: str | None) -> None:
    person = read_person(text)
    assert person is not None
    assert (person.name, person.email) == (name, email)


def test_an_absurdly_deep_document_is_forbidden() -> None:
    with pytest.raises(PollError) as caught:
        _read("<x>" * 1000)
    assert caught.value.outcome == "forbidden_xml"
