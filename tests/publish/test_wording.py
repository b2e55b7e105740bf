"""Values that every validator and every reader accepts."""

from __future__ import annotations

from random import Random

import pytest
from tests.publish.judge import complaints_about_html

from ketfeed.publish.registries import HTML_ELEMENTS
from ketfeed.publish.wording import (
    canonical,
    fragment,
    language,
    legal,
    looks_like_html,
    media_type,
    plain,
    shorten,
    web_address,
)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("it\x92s", "it’s"),
        ("lost \ufffd letter", "lost ? letter"),
        ("a\x00b\x0bc\ud800d\uffffe\ufdd0f\U0001ffffg", "abcdefg"),
        ("\x81\x8d", ""),  # no letters in Windows-1252 either
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_only_characters_that_xml_and_html_can_carry_are_left(given: str, wanted: str) -> None:
    assert legal(given) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("  two\n words\u2028", "two words"),
        ("Q&amp;A", "Q&A"),
        ("Q&amp;amp;A", "Q&A"),
        ("<i>R</i>-ketamine", "R-ketamine"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("5 < 6 > 4", "5 < 6 > 4"),
        ("AT&T", "AT&T"),
        ("n&#39;t", "n't"),
        ("x <y> z", "x <y> z"),  # no end tag: it may be text
    ],
)
def test_plain_text_is_one_line_without_markup_that_was_escaped_twice(given: str, wanted: str) -> None:
    assert plain(given) == wanted


@pytest.mark.parametrize("text", ["S&P500", "a </b> c", "&copy 2026"])
def test_text_that_a_guessing_reader_takes_for_html_is_known(text: str) -> None:
    assert looks_like_html(text)
    assert not looks_like_html("R&D at AT&T: 5 < 6")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("<p>a<script>b</script>c</p>", "<p>ac</p>"),
        ("<p style='color:red' class=x id=y onclick=z>a</p>", "<p>a</p>"),
        ("<figure><img src='https://a.example/b.png'><figcaption>c</figcaption></figure>",
         '<div><img src="https://a.example/b.png"><div>c</div></div>'),
        ("<a href='/relative'>a</a>", "<a>a</a>"),
        ("<a href='javascript:alert(1)'>a</a>", "<a>a</a>"),
        ("<a href='mailto:a@b.example'>a</a>", '<a href="mailto:a@b.example">a</a>'),
        ("<a href='https://a.example/ü'>a</a>", '<a href="https://a.example/%C3%BC">a</a>'),
        ("<p><object><div>x</div></object></p>", ""),
        ("<p><mark><div>x</div></mark></p>", "<div>x</div>"),
        ("<img src='data:image/png;base64,x' width='100%'>", "<img>"),
        ("AT&T < 5", "AT&amp;T &lt; 5"),
        ("<p><b title='x'><b><b><b><b>t</b></b></b></b></b></p>", "<p><b><b><b><b><b>t</b></b></b></b></b></p>"),
        ("<tr><td>x</td></tr>", "x"),
        ("<!-- comment --><p>a</p><p> </p>", "<p>a</p>"),
        ("<iframe src='https://a.example'>x</iframe><embed><form><input></form>", ""),
    ],
)  # fmt: skip
def test_html_is_reduced_to_what_any_reader_shows_and_no_validator_doubts(given: str, wanted: str) -> None:
    assert fragment(given) == wanted
    assert fragment(wanted) == wanted


PIECES = [
    *(f"<{name}>" for name in sorted(HTML_ELEMENTS)), *(f"</{name}>" for name in sorted(HTML_ELEMENTS)),
    "<math>", "<svg>", "<template>", "<plaintext>", "<xmp>", "<o:p>", "<a href='/x'>", "<td colspan=2>",
    "<a href='https://a.example/?b=1&c'>", "<img src=https://a.example/é alt='<b>'>",
    "<p style=x onclick=y lang=EN dir=RTL", "text", " ", "&", "&bogus;", "&#0;", "&#128;", "<", ">", "</>",
    "<!--", "-->", "<![CDATA[x]]>", "<?x?>", "\x00", "\u2028", "\ufffe",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_any_markup_becomes_a_fragment_that_parses_without_an_error(seed: int) -> None:
    dice = Random(seed)  # noqa: S311  # the same in every run
    for _ in range(50):
        markup = "".join(dice.choices(PIECES, k=dice.randint(1, 25)))
        cleaned = fragment(markup)
        assert complaints_about_html(cleaned) == [], markup
        assert fragment(cleaned) == cleaned, markup


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTP://A.Example:80/x", "http://a.example:80/x"),
        (" https://a.example/a b\n", "https://a.example/a%20b"),
        ("https://münchen.example/größe?a=[1]#é", "https://xn--mnchen-3ya.example/gr%C3%B6%C3%9Fe?a=%5B1%5D#%C3%A9"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("https://a.example/%C3%A9", "https://a.example/%C3%A9"),
        ("https://user:secret@a.example/", "https://a.example/"),
        ("https://a.example:99999/", None),
        ("https:///nowhere", None),
        ("//a.example/", None),
        ("ftp://a.example/", None),
        ("mailto:a@b.example", None),
        ("http://[::1]/", None),
        ("", None),
    ],
)
def test_an_address_is_absolute_ascii_http_or_none(given: str, wanted: str | None) -> None:
    assert web_address(given) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("en", "en"), ("EN_us", "en-US"), ("en-UK", "en-GB"), ("pt-BR", "pt-BR"), ("zh-Hant-TW", "zh-TW"),
        ("iw", "he"), ("english", None), ("xx", None), ("", None), (None, None), ("en-ZZ", "en"),
    ],
)  # fmt: skip
def test_a_language_is_one_of_the_registry_or_none(given: str | None, wanted: str | None) -> None:
    assert language(given) == wanted


@pytest.mark.parametrize(
    ("declared", "address", "wanted"),
    [
        ("audio/mpeg", "https://a.example/x", "audio/mpeg"),
        ("Audio/MPEG; charset=x", "https://a.example/x", "audio/mpeg"),
        ("mp3", "https://a.example/x.mp3?y=z", "audio/mpeg"),
        (None, "https://a.example/x.PDF", "application/pdf"),
        ("", "https://a.example/x", "application/octet-stream"),
    ],
)
def test_a_media_type_is_always_one(declared: str | None, address: str, wanted: str) -> None:
    assert media_type(declared, address) == wanted


def test_text_is_cut_at_a_word() -> None:
    assert shorten("ketamine for depression", 15) == "ketamine for…"
    assert shorten("short", 15) == "short"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("http://h.example:80/a/../%7eb?x=%2d", "http://h.example/~b?x=-"),
        ("https://h.example:443", "https://h.example/"),
        ("https://h.example:8443/%c3%9f", "https://h.example:8443/%C3%9F"),
        ("https://h.example//a//b/./c", "https://h.example//a//b/c"),
        ("https://h.example/a/b/..", "https://h.example/a/"),
        ("https://h.example/../../a", "https://h.example/a"),
        ("https://h.example/f?b=%e2%82%ac&a=%20#%7E", "https://h.example/f?b=%E2%82%AC&a=%20#~"),
    ],
)
def test_an_id_made_of_an_address_has_one_spelling(given: str, wanted: str) -> None:
    assert canonical(given) == wanted
    assert canonical(wanted) == wanted
