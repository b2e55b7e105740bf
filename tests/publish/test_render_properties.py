"""Any mixture of entries renders to valid documents, the same bytes each time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.publish.judge import complaints_about
from tests.publish.world import BASE, FACTS, NOW, Shelf, catalog, entry, rendered, stored

from ketfeed.model import Category, Enclosure, Entry, Image, Person, Reason, Tagging, TopicMatch
from ketfeed.publish.document import FORMATS, Format
from ketfeed.publish.feeds import Publisher
from ketfeed.publish.select import find
from ketfeed.store.records import StoredEntry, StoryMember

NASTY = st.sampled_from([
    "", " ", "\x00\x08\x1f", "\x80\x92\x9f", "\ud800", "\udfff\ud800", "\ufffd\ufffe\uffff", "\ufdd0",
    "\u202e\u05d0\u05d1",
    "]]>", "<![CDATA[", "<!--", "-->", "&", "&amp;", "&amp;amp;", "&#0;", "&#x92;", "&#xd800;", "&copy 2026", "S&P500",
    "<b>bold</b>", "</p>", "<script>alert(1)</script>", "<p><div></p></div>", "<a href='javascript:x'>", "<table><p>",
    "<tr><td>cell", "<plaintext>", "<svg><title>x</title></svg>", "<math><mi>x</mi></math>", "<img src=x onerror=y>",
    "<h1><h2></h1>", "<a><a>", "<b><p></b></p>", "<ul><b><li></ul>", "<option>", "<textarea></p>", "<frameset>",
    "<a href='https://a.example/\u00e4 |\"<>'>", "<p style='x:y' id=1 class=q>", "\u2028\u2029\x0b\x0c", "x" * 5000,
])  # fmt: skip
TEXT = st.one_of(NASTY, st.text(st.characters(codec=None), max_size=60), st.lists(NASTY, max_size=4).map("".join))
ADDRESS = st.one_of(
    st.sampled_from([
        "https://a.example/", "http://b.example:8080/x?y=[1]#z#",
        "https://m\u00fcnchen.example/\u00e4", "ftp://c.example/",
        "javascript:alert(1)", "//d.example/", "https://", "http://[::1]/", "https://e.example/%zz%",
        "mailto:a@b.example",
        "https://f.example:99999/", "https://user:pass@g.example/ x", "HTTPS://H.EXAMPLE/\ud800",
    ]),
    TEXT.map("https://x.example/{}".format),
    TEXT,
)  # fmt: skip
MOMENT = st.datetimes(datetime(1970, 1, 2), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds


@st.composite
def entries(draw: st.DrawFn) -> StoredEntry:
    source = draw(st.sampled_from(["alpha", "beta", "gamma"]))
    one: Entry = entry(
        draw(st.uuids()).hex,
        source,
        title=draw(TEXT),
        link=draw(st.one_of(st.none(), ADDRESS)),
        summary=draw(TEXT),
        content=draw(TEXT),
        excerpt=draw(TEXT),
        text=draw(TEXT),
        authors=tuple(draw(st.lists(st.builds(Person, TEXT, st.one_of(st.none(), ADDRESS), TEXT), max_size=3))),
        published=draw(st.one_of(st.none(), MOMENT)),
        updated=draw(st.one_of(st.none(), MOMENT)),
        categories=tuple(draw(st.lists(st.builds(Category, TEXT, st.one_of(st.none(), ADDRESS), TEXT), max_size=3))),
        enclosures=tuple(
            draw(
                st.lists(st.builds(Enclosure, ADDRESS, TEXT, st.one_of(st.none(), st.integers(-5, 10**12))), max_size=3)
            )
        ),
        image=draw(st.one_of(st.none(), st.builds(Image, ADDRESS, TEXT))),
        language=draw(st.one_of(st.none(), TEXT, st.sampled_from(["en_us", "EN", "xx", "zh-Hant-TW", "en-UK"]))),
        comments_link=draw(st.one_of(st.none(), ADDRESS)),
        rights=draw(st.one_of(st.none(), TEXT)),
        identifiers=tuple(draw(st.lists(TEXT.map("doi:10.1/{}".format), max_size=2))),
    )
    reasons = tuple(draw(st.lists(st.builds(Reason, TEXT, st.just("title"), st.just(0), TEXT), min_size=1, max_size=3)))
    tagging = Tagging(matches=(TopicMatch("ptsd", reasons, 1.0),), relevant=True)
    also = tuple(
        StoryMember(id=one.id, title=title, link=link, source_id="beta", source_title=title, kind="news",
                    published=None, first_seen=NOW)
        for title, link in draw(st.lists(st.tuples(TEXT, ADDRESS), max_size=2))
    )  # fmt: skip
    return stored(one, tagging, also=also, source=FACTS[source])


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(entries(), max_size=4))
@example([])
def test_any_mixture_of_entries_renders_to_valid_documents_with_the_same_ids(told: list[StoredEntry]) -> None:
    ids: dict[Format, list[str | None]] = {}
    for form in FORMATS:
        body = rendered(told, form)
        assert complaints_about(body, form) == []
        assert rendered(told, form) == body, "rendering is a pure function"
        if form == "json":
            ids[form] = [item["id"] for item in json.loads(body)["items"]]
        else:
            path = (
                "channel/item/guid"
                if form == "rss"
                else "{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}id"
            )
            ids[form] = [one.text for one in etree.fromstring(body).findall(path)]
    assert ids["rss"] == ids["atom"] == ids["json"]
    assert len(ids["json"]) == len(told), "no entry is lost"


@pytest.mark.parametrize("words", ["", "  ", "<b>x</b>", "S&P500", "a\x00\x92\ud800b", "x" * 3000, "]]>", "&lt;i&gt;"])
def test_whatever_editors_write_feeds_stay_valid(words: str) -> None:
    made = catalog()
    odd = replace(
        made,
        site=replace(
            made.site, title=words, description=words, language=words, icon=words, hubs=(words, "https://h.example/ü")
        ),
        sources=tuple(replace(one, title=words, homepage=words, licence=words) for one in made.sources),
        rules=replace(
            made.rules, topics=tuple(replace(one, title=words, description=words) for one in made.rules.topics)
        ),
    )
    source = replace(FACTS["alpha"], title=words, homepage=words, url=words, licence=words, language=words)
    publisher = Publisher(Shelf([stored(entry("one"), source=source)]), odd, BASE)
    for key in ("all", "ptsd", "source/alpha", "ptsd/daily"):
        feed = find(odd, key)
        assert feed is not None
        for form in FORMATS:
            assert complaints_about(publisher.render(feed, form, NOW).body, form) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_bad_entry_never_harms_the_others(form: str) -> None:
    good = stored(entry("good"))
    broken = stored(entry("broken", authors=(None,)))  # what no reader of documents should ever make
    body = rendered([broken, good], form)  # type: ignore[arg-type]  # one of FORMATS
    assert complaints_about(body, form) == []
    assert good.entry.id in body.decode()
    assert broken.entry.id not in body.decode()
