"""What expat tells piece by piece is read as one document, within its bounds."""

from __future__ import annotations

import pytest

from ketfeed.errors import ForbiddenXml
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parse import parse_xml

RSS = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>{}</channel></rss>'


def test_a_text_longer_than_the_parsers_buffer_is_whole_whatever_interrupts_it() -> None:
    long = "word " * 40_000
    text = f"{long}&amp;<![CDATA[<b>]]>&nbsp;<!-- aside -->end"
    entry = parse_xml(RSS.format(f"<item><description>{text}</description></item>"), "", None, Limits()).entries[0]
    assert entry.summary is not None
    assert entry.summary.value == f"{long}&<b>\xa0end"


def test_text_around_elements_belongs_to_the_element_it_stands_in() -> None:
    content = '<content type="xhtml"><div>a &lt; b<br/>c &amp;<b title="&quot;">d</b> e</div></content>'
    author = "<author>x<name>Jo</name>y</author>"
    document = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry>{author}{content}</entry></feed>'
    entry = parse_xml(document, "", None, Limits()).entries[0]
    assert [person.name for person in entry.authors] == ["Jo"]
    assert entry.content is not None
    assert entry.content.value == 'a &lt; b<br></br>c &amp;<b title="&quot;">d</b> e'


def test_base_and_language_hold_for_their_element_only_and_the_channels_language_for_what_says_none() -> None:
    item = "<item{}><link>x</link></item>"
    document = RSS.format(
        "<language>de</language>"
        + item.format(' xml:base="http://a.example/" xml:lang="fr"')
        + item.format("")
        + item.format(' xml:lang=""')
    )
    entries = parse_xml(document, "http://b.example/", None, Limits()).entries
    assert [entry.language for entry in entries] == ["fr", "de", None]
    assert [entry.links[0].base for entry in entries] == ["http://a.example/", "http://b.example/", "http://b.example/"]


@pytest.mark.parametrize("times", [1_000, 60_000])
def test_a_declared_entity_is_replaced_until_the_text_is_many_times_the_document(times: int) -> None:
    document = f"<!DOCTYPE rss [<!ENTITY a '{'b' * 90}'>]>" + RSS.format(f"<title>{'&a;' * times}</title>")
    if times < 10_000:
        title = parse_xml(document, "", None, Limits()).title
        assert title is not None
        assert title.value == "b" * 90 * times
    else:
        with pytest.raises(ForbiddenXml, match="expand"):
            parse_xml(document, "", None, Limits())
