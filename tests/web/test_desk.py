"""Where the site is: the operator's word, the editors', else where it listens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.publish.world import BASE, NOW, catalog, open_store

from ketfeed.errors import UsageError
from ketfeed.settings import Settings
from ketfeed.web.desk import Desk, base_url_of

NOWHERE = replace(catalog(), site=replace(catalog().site, base_url=None))


@pytest.mark.parametrize(
    ("operator", "editors", "wanted"),
    [
        ("https://a.example/", "https://b.example", "https://a.example"),
        (None, "https://b.example/feeds/", "https://b.example/feeds"),
        ("https://münchen.example/é", None, "https://xn--mnchen-3ya.example/%C3%A9"),
        (None, None, "http://127.0.0.1:8080"),
    ],
)
def test_the_operator_s_address_wins_over_the_editors_and_both_over_where_we_listen(
    operator: str | None, editors: str | None, wanted: str
) -> None:
    made = replace(NOWHERE, site=replace(NOWHERE.site, base_url=editors))
    assert base_url_of(Settings(base_url=operator), made) == wanted


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("0.0.0.0", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080"), ("10.0.0.5", "http://10.0.0.5:8080")],
)
def test_without_an_address_feeds_point_to_where_we_listen(host: str, wanted: str) -> None:
    assert base_url_of(Settings(host=host), NOWHERE) == wanted


@pytest.mark.parametrize("address", ["feeds.example.org", "ftp://a.example", "https://a.example/?x", "https://"])
def test_what_is_no_address_of_a_site_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(UsageError, match=r"https://feeds\.example\.org"):
        base_url_of(Settings(base_url=address), NOWHERE)


def test_a_changed_catalog_is_taken_up_and_a_wrong_address_in_it_is_not(tmp_path: Path) -> None:
    current = [catalog()]
    store = open_store(tmp_path)
    desk = Desk(store, lambda: current[0], Settings(data=tmp_path), tuple, lambda: NOW)
    assert desk.publisher.base_url == BASE
    site = replace(catalog().site, base_url="https://new.example", title="Renamed")
    current[0] = replace(catalog(), site=site, digest="2")
    assert desk.publisher.base_url == "https://new.example"
    assert desk.feeds()[0].title == "All topics · Renamed"
    current[0] = replace(catalog(), site=replace(site, base_url="nowhere", title="Again"), digest="3")
    assert desk.publisher.base_url == "https://new.example"
    assert desk.feeds()[0].title == "All topics · Again"
    store.close()
