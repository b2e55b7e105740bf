"""Addresses of feeds and the one spelling of a query."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.publish.world import catalog

from ketfeed.model import FeedQuery, NamedFeed
from ketfeed.publish.select import QueryError, canonical_query, find, listed, parse_query, query_feed

CATALOG = replace(
    catalog(), feeds=(NamedFeed(slug="in-the-news", title="In the news", query=FeedQuery(kinds=("news",))),)
)


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("all", "/feeds/all/"),
        ("ptsd", "/topics/ptsd/"),
        ("in-the-news", "/feeds/in-the-news/"),
        ("kind/research", "/feeds/kind/research/"),
        ("source/alpha", "/feeds/source/alpha/"),
        ("ptsd/daily", "/feeds/ptsd/daily/"),
        ("kind/research/weekly", "/feeds/kind/research/weekly/"),
        ("all/archive/3", "/feeds/all/archive/3/"),
        ("story/7840b5bd-0ccf-52ac-aae5-8c30112d6b95", "/feeds/story/7840b5bd-0ccf-52ac-aae5-8c30112d6b95/"),
    ],
)
def test_every_kind_of_feed_has_an_address_and_a_twin(key: str, page: str) -> None:
    feed = find(CATALOG, key)
    assert feed is not None
    assert feed.path("atom") == f"/feeds/{key}.atom"
    assert feed.page == page


@pytest.mark.parametrize(
    "key",
    ["nothing", "ptsd/hourly", "ptsd/archive/0", "ptsd/archive/x", "story/1", "kind/gossip", "source/x", "", "../etc",
     "ptsd/daily/archive/1"],
)  # fmt: skip
def test_anything_else_is_no_feed(key: str) -> None:
    assert find(CATALOG, key) is None


def test_ids_of_feeds_differ_and_do_not_depend_on_title_or_address() -> None:
    feeds = listed(CATALOG)
    assert len({feed.id for feed in feeds}) == len(feeds)
    renamed = replace(CATALOG, site=replace(CATALOG.site, title="Other", base_url="https://other.example"))
    assert [feed.id for feed in listed(renamed)] == [feed.id for feed in feeds]


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("topic=ptsd&topic=depression&match=all", "match=all&topic=depression&topic=ptsd"),
        ("topic=ptsd&match=all", "topic=ptsd"),  # all of one is any of one
        ("topic=ptsd&topic=ptsd&topic=", "topic=ptsd"),
        ("topic=PTSD,depression&match=ALL", "match=all&topic=depression&topic=ptsd"),
        ("limit=50&match=any&q=", ""),
        ("q=%20esketamine%20%20spray&kind=news", "kind=news&q=esketamine+spray"),
        ("lang=EN_us", "lang=en-US"),
        ("not_source=beta&source=alpha&limit=200", "limit=200&not_source=beta&source=alpha"),
    ],
)
def test_a_query_has_one_spelling(given: str, canonical: str) -> None:
    query = parse_query(CATALOG, given)
    assert canonical_query(query) == canonical
    assert parse_query(CATALOG, canonical) == query


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ("topic=unknown", "topic"),
        ("match=some", "match"),
        ("kind=gossip", "kind"),
        ("source=x", "source"),
        ("not_source=x", "not_source"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=%D9%A1", "limit"),  # a digit, but not of ours
        ("q=" + "x" * 201, "q"),
        ("q=%26%26", "q"),
        ("lang=klingon", "lang"),
        ("colour=red", "colour"),
        ("topic=%ff", "query"),
    ],
)
def test_a_wrong_query_names_its_parameter(given: str, parameter: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(CATALOG, given)
    assert caught.value.parameter == parameter
    assert str(caught.value).startswith(f"{parameter}: ")


def test_a_query_without_conditions_is_the_feed_of_everything() -> None:
    assert query_feed(CATALOG, "limit=50").base == "all"


def test_a_query_says_in_words_what_it_asks() -> None:
    feed = query_feed(CATALOG, "topic=ptsd&topic=pain&match=all&kind=research&q=esketamine&source=alpha&lang=en")
    assert feed.title == "Pain and PTSD, Research, “esketamine”, from Alpha News, in en · Ketamine feeds"
