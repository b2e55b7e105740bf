"""Where a common form has a fast way of its own, it gives what the way for everything gives."""

# ruff: noqa: E501  # tables of pieces are easier to read wide

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit
from uuid import uuid5

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ketfeed.ingest import dates, urls
from ketfeed.ingest.handlers import ENDS, LEAVES
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parse import NAMESPACES, parse_xml
from ketfeed.ingest.text import one_line, visible
from ketfeed.ingest.vocabulary import EXTRAS
from ketfeed.model import ENTRY_NAMESPACE, entry_id

BASES = (None, "https://example.org/a/b?c", "http://127.0.0.1/f/1", "http://x.example", "http://x.example:80/a", "x")
_pieces = st.sampled_from(
    ["http://", "https://", "/", "a", "b-c", "example.org", "www.", "?", "&", "=", "#", ".", "..", "%41", "é", ":80", "xn--a", "@",
     "//", "A", " ", "amp=1", "$", "|", ";"]
)  # fmt: skip
_addresses = st.lists(_pieces, max_size=9).map("".join)
_dates = st.builds(
    "{}{} {} {} {:02}:{:02}:{:02} {}".format,
    st.sampled_from(["Mon, ", "Tue, ", "", "Foo, "]), st.integers(0, 32), st.sampled_from(["Jan", "Feb", "May", "Nov", "Xyz"]),
    st.integers(1960, 2110), st.integers(0, 25), st.integers(0, 61), st.integers(0, 61),
    st.sampled_from(["GMT", "UTC", "Z", "EST", "+0100", "-0330", "+1530", "-1600", "+0060"]),
) | st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
    st.integers(1, 2110), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61), st.integers(0, 61),
    st.sampled_from(["", ".5", ".1234567890"]), st.sampled_from(["Z", "z", "", "+05:30", "+0530", "-16:00", "+15:60"]),
)  # fmt: skip


@given(_dates)
def test_a_date_in_a_standard_form_is_the_moment_the_reader_of_every_form_sees(text: str) -> None:
    usual = dates._usual(text)
    assert usual is None or usual == dates._unusual(text, None)


@given(_addresses, st.sampled_from(BASES), st.sampled_from([20, 4_096]))
@example("/a/b?c=d", BASES[1], 4_096)
def test_an_address_that_needs_no_correction_is_what_correcting_it_gives(
    text: str, base: str | None, limit: int
) -> None:
    assert urls.absolute(text, base, limit) == urls._absolute(text, base, limit)


@given(_addresses)
@example("a#b")
@example("a?#b")
@example("a#")
@example("a?b=c#d?e")
def test_an_address_that_needs_no_correction_is_its_parts_put_together(text: str) -> None:
    url = f"https://example.org/{text}"
    if urls._SIMPLE.fullmatch(url) and not url.endswith("?"):
        assert urlunsplit(urlsplit(url)) == url


@given(_addresses)
def test_the_key_of_a_plain_address_is_that_of_the_address_taken_apart(text: str) -> None:
    url = urls.absolute(f"https://example.org/{text}")
    if url is not None and "#" not in url:
        assert urls.canonical(url) == urls.canonical(f"{url}#taken-apart")


@given(st.text(max_size=60))
@example("a\x1cb  c\u2003\xa0d\u202e ")
def test_a_line_is_its_visible_words_with_single_spaces(text: str) -> None:
    assert one_line(text) == " ".join(visible(text).split())


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=80))
def test_an_entry_id_is_a_name_based_uuid(source: str, raw: str) -> None:
    assert entry_id(source, raw) == str(uuid5(ENTRY_NAMESPACE, f"{source}\n{raw}"))


NAMESPACES_OF_PREFIXES = " ".join(
    f'xmlns:{prefix}="{uri}"' for prefix, uri in {name: uri for uri, name in NAMESPACES.items() if name}.items()
)
LEAF_TEXTS = ("", " \n ", "a", " a  b\n", "a<!-- c -->b", "<![CDATA[<b>a</b> &amp;]]>", "&lt;p&gt;a&lt;/p&gt;", "caf&#xC3;&#xA9; &#146;", "3 Jan 2026",
              "Jane Doe (jane@example.org)", "https://example.org/a", "noreply")  # fmt: skip


@pytest.mark.parametrize("key", sorted(LEAVES))
@pytest.mark.parametrize("frame", ["<rss><channel><item>{}</item></channel></rss>", "<rss><channel>{}</channel></rss>",
                                   '<feed xmlns="http://www.w3.org/2005/Atom"><entry><author>{}<name>n</name></author>{}</entry></feed>',
                                   '<rss><channel><item><link rel="x">{}</link>{}<source>{}</source></item></channel></rss>'])  # fmt: skip
def test_an_element_without_attributes_or_others_in_it_is_read_as_any_other(key: str, frame: str) -> None:
    """One with an attribute that means nothing takes the way of all elements."""
    prefix, _, local = key.rpartition("_")
    name = f"{prefix}:{local}" if prefix else local
    frame = frame.replace(">", f" {NAMESPACES_OF_PREFIXES}>", 1)
    for text in LEAF_TEXTS:
        short, long = f"<{name}>{text}</{name}>", f'<{name} nothing="">{text}</{name}>'
        for count in (1, 2):
            one, other = (
                parse_xml(frame.replace("{}", element * count), "https://example.org/", None, Limits())
                for element in (short, long)
            )
            assert one == other, text


def test_the_short_way_is_for_elements_with_rules_of_their_own() -> None:
    assert not LEAVES.keys() & EXTRAS
    assert ENDS.keys() >= LEAVES.keys()
