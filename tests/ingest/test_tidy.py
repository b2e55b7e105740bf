"""What is written of tidy markup is what the sanitiser writes, and safe by its form."""

# ruff: noqa: E501  # tables of pieces are easier to read wide

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ketfeed.ingest import html
from ketfeed.ingest import tidy as module
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.tidy import tidy

BASES = ("https://example.org/f/g.xml", "http://127.0.0.1:8080/feed/5", "http://exämple.org/a", None)
TEXTS = [
    "a", " ", "  ", "\n", "\t", "Word. ", "é", "\u00a0", "\u200b", "\u2028", "\u3000", "&", "& ", "&1", ";", ">", "<", "amp;", '"', "'", "=", "\0", "\x85",
    "&amp;", "&lt;", "&gt;", "&nbsp;", "&quot;", "&copy;", "&copy", "&#8217;", "&#x2019;", "&#160;", "&#32;", "&#10;", "&#127;", "&#128;", "&#8238;", "&#55295;",
    "&#64976;", "&amp;lt;", "&NewLine;", "&shy;", "&fjlig;", "&frac12;", "&nvlt;", "&LT;", "&b.nu;", "&nosuch;",
]  # fmt: skip
ATTRIBUTES = [
    'href="http://e.org/a"', 'href="https://E.org"', 'href="/a/b"', 'href="/a?x=1&amp;y=2"', 'href="?a=1&b=2&copy=3"', 'href="?a=1&copy_x=2"', 'href="x?&amp;lt;=2"',
    'href="http://1.2.3/"', 'href="http://1.2.3.4:80/x"', 'href="http://1.2.3.256/x"', 'href="http://09.2.3.25/x"', 'href="http://e.org:65536/"', 'href="http://x.0x1f/"',
    'href="//e.org/x"', 'href="#a:b"', 'href="a:b"', 'href=""', 'href="null"', 'href="javascript:alert(1)"', 'href="mailto:a@b.c"', 'href="http://xn--a.org/"',
    "href='/x'", 'href=/x', "href", 'title="t"', 'title=""', 'title="x &amp; y"', "title='a \"b\"'", 'lang="en"', 'dir="ltr"', 'class="a b"', 'style="x:y"', 'id="q"',
    'rel="nofollow"', 'target="_blank"', 'data-x="1"', 'onclick="x()"', 'cite="/x"', 'datetime="2026"', 'start="3"', 'reversed=""', 'hreflang="de"', 'title="a>b"',
]  # fmt: skip
OF_PICTURES = [
    'src="http://e.org/a.jpg"', 'src="/i.png?a=1&amp;b=2"', 'src="https://e.org/pixel.gif"', 'src="data:image/gif;base64,AAAA"', 'alt="a"', 'alt=""',
    'alt="a &amp; b &quot;c&quot;"', 'alt="&#8217;&lt;"', 'width="100"', 'height="1"', 'height="20"', 'width="12px"', 'title="x"', 'class="y"', 'srcset="a 1w"',
    'data-src="/b"', 'loading="lazy"', 'lang="en"',
]  # fmt: skip
VOID = ("br", "hr", "wbr", "img")
NAMES = [*module._BY_NAME, "table", "pre", "script", "style", "svg", "font", "P"]

_texts = st.lists(st.sampled_from(TEXTS[:31] + TEXTS), max_size=4).map("".join)


def _element(name: str, attributes: list[str], inside: str, slash: str) -> str:
    tag = " ".join([name, *attributes])
    return f"<{tag}{slash}>" if name in VOID else f"<{tag}>{inside}</{name}>"


def _elements(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    usual = st.sampled_from([*module._OPENINGS, "p", "p", "ul", "li"])
    made = st.one_of(
        st.builds(_element, usual, st.just([]), inside, st.just("")),
        st.builds(_element, st.just("a"), st.lists(st.sampled_from(ATTRIBUTES), max_size=3), inside, st.just("")),
        st.builds(_element, st.just("img"), st.lists(st.sampled_from(OF_PICTURES), max_size=5), inside, st.sampled_from(["", "/", " /"])),
        st.builds(_element, st.sampled_from(NAMES), st.lists(st.sampled_from(ATTRIBUTES), max_size=2), inside, st.sampled_from(["", "/"])),
        st.builds("<ul><li>{}</li>\n<li>{}</li></ul>".format, inside, inside),
    )  # fmt: skip
    return st.lists(st.one_of(made, inside), max_size=4).map("".join)


_markup = st.recursive(_texts, _elements, max_leaves=12)


@given(_markup, st.sampled_from(BASES))
@example("<p>A &amp; B</p><p><a href='/x' class='y'>c</a> <img src=\"/a.png\" alt='' /></p>", BASES[0])
@example('<b><p>x<br/></p></b><a title="t" href="" >y</a>', BASES[0])
@example("<p>a</p><br", BASES[0])
@example("<ul><li>a<ul><li>b</li></ul></li></ul>", None)
def test_tidy_markup_is_written_as_the_sanitiser_writes_it(markup: str, base: str | None) -> None:
    markup = f"{markup}<br>"
    found = tidy(markup, base, html._picture)
    if found is not None:
        judged = html._judged(markup, base, Limits(), [])
        assert html._cleaned(markup, base, Limits(), []) == html._fragment(judged)
        assert html._judged(judged, base, Limits(), []) == judged


_SAFE_TAG = re.compile(r'</?[a-z1-6]+(?: [a-z]+="[^"<>]*")*>')


@given(_markup, st.sampled_from(BASES))
def test_what_is_written_of_tidy_markup_is_safe_by_its_form(markup: str, base: str | None) -> None:
    """Listed tags, listed attributes in double quotes, addresses of the web: nothing else has a bracket or a quote."""
    found = tidy(markup, base, html._picture)
    if found is None:
        return
    for tag in _SAFE_TAG.findall(found.markup):
        name = tag.strip("</>").partition(" ")[0]
        attributes = re.findall(r' ([a-z]+)="[^"]*"', tag)
        assert name in html.TAGS
        allowed = html.ATTRIBUTES.get(name, set()) | html.ATTRIBUTES["*"] | ({"rel"} if name == "a" else set())
        assert set(attributes) <= allowed, tag
        assert all(one.startswith(("http://", "https://")) for one in re.findall(r' (?:href|src)="([^"]*)"', tag)), tag
    assert not re.search("[<>]", _SAFE_TAG.sub("", found.markup))


def test_the_tables_are_those_of_the_sanitiser() -> None:
    assert set(module._BY_NAME) <= html.TAGS
    assert html.ATTRIBUTES["*"] == module.EVERYWHERE
    assert html.ATTRIBUTES["img"] | html.ATTRIBUTES["*"] == module._OF_PICTURES
    for name in module._BY_NAME.keys() - {"img"}:
        known = module.KEPT.get(name, frozenset()) | module.LEFT.get(name, frozenset())
        assert known == html.ATTRIBUTES.get(name, set()), name


@pytest.mark.parametrize(
    "markup",
    [
        "<p>a<p>b</p>", "<p>a<div>b</div></p>", "<a href='/x'>a<a href='/y'>b</a></a>", "<li>a</li>", "<b>a", "a</b>", "<p>a<!-- b --></p>",
        "<table><tr><td>a</td></tr></table>", "<pre>\na</pre>", "<script>a</script>", "<svg><p>a</p></svg>", "<p onclick=x>a</p>", "<P>a</P>",
        "<h1><h2>a</h2></h1>", "<b><i>a</b></i>", "<p>&copy</p>", "<p>a\u202eb</p>", "<p>&#8238;</p>", "<a href='javascript:x'>a</a>",
        "<img src='/a' srcset='/b 2w'>", "<p a='1' a='2'>b</p>", "<blockquote cite='/x'>a</blockquote>",
    ],
)  # fmt: skip
def test_markup_that_a_parser_reads_otherwise_than_it_stands_is_left_to_the_sanitiser(markup: str) -> None:
    assert tidy(markup, BASES[0], html._picture) is None


def test_a_text_that_speaks_of_a_quotation_s_address_is_left_as_it_is() -> None:
    text = 'write &lt;q cite="/x"&gt;'
    assert html.clean(f"<i><b>{text}</i></b>", BASES[0], Limits()) == f"<i><b>{text}</b></i>"
    assert html.clean(f"<b>{text}</b>", BASES[0], Limits()) == f"<b>{text}</b>"
    assert html.clean('<q cite="/x">a</q>', BASES[0], Limits()) == '<q cite="https://example.org/x">a</q>'


def test_what_feeds_carry_is_tidy() -> None:
    """A paragraph with a link that is tracked, a list, a picture: else the quick way is of no use."""
    markup = (
        '<p class="lead">Ketamine &#8211; a trial, <a target="_blank" href="https://e.org/?a=1&b=2">more</a>.<br /></p>\n'
        '<ul>\n<li><strong>A</strong> &gt; B</li>\n</ul><img src="/p.jpg" width="300" class="x" />'
    )
    found = tidy(markup, BASES[0], html._picture)
    assert found is not None
    assert found.markup == (
        '<p>Ketamine – a trial, <a href="https://e.org/?a=1&amp;b=2" rel="noopener noreferrer">more</a>.<br></p>\n'
        '<ul>\n<li><strong>A</strong> &gt; B</li>\n</ul><img src="https://example.org/p.jpg" width="300">'
    )
    assert found.pictures


@pytest.mark.parametrize(
    "markup", ["\xa0", " \xa0\n", "\u202e\xa0", "&nbsp;", "<p>\xa0</p>", "<p>&nbsp; </p>", "\u3000"]
)
def test_what_nobody_can_see_is_nothing(markup: str) -> None:
    assert html.clean(markup, None, Limits()) == ""
