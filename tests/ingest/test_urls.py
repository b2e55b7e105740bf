"""Addresses: absolute http(s) or nothing, without trackers, with a key of the same page."""

# ruff: noqa: E501  # tables of input are easier to read wide

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketfeed.ingest.urls import TRACKING, absolute, canonical, is_redirect, without_tracking

BASE = "https://example.org/blog/post?x=1"
ABSOLUTE = {
    "next": "https://example.org/blog/next",
    "/a": "https://example.org/a",
    "//cdn.example.org/a": "https://cdn.example.org/a",
    "?y=2": "https://example.org/blog/post?y=2",
    "HTTP://Example.ORG:80/A": "http://example.org/A",
    "http:/example.org/a": "http://example.org/a",
    "feed://example.org/a": "http://example.org/a",
    "www.example.org/a": "https://www.example.org/a",
    "https://user:secret@example.org/a": "https://example.org/a",
    "\n https://example.org/a b ": "https://example.org/a%20b",
}
NOTHING = ["", "javascript:alert(1)", "mailto:a@example.org", "data:text/html,x", "http://", "http://[bad", "https://ex ample/", "ftp://a.example/x", "https://example.org/" + "a" * 5000]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), ABSOLUTE.items())
def test_an_address_becomes_absolute_and_safe(written: str, expected: str) -> None:
    assert absolute(written, BASE) == expected


@pytest.mark.parametrize("written", NOTHING)
def test_what_is_not_an_http_address_is_none(written: str) -> None:
    assert absolute(written, BASE) is None


def test_every_kept_tracking_parameter_goes_and_the_others_stay_in_their_order() -> None:
    for name in sorted(TRACKING):
        assert without_tracking(f"https://example.org/a?b=1&{name}=x&a=2") == "https://example.org/a?b=1&a=2"
    assert without_tracking("https://example.org/a?utm_source=x") == "https://example.org/a"
    assert without_tracking("https://example.org/a?ref=x&source=y") == "https://example.org/a?ref=x&source=y"
    assert without_tracking("https://example.org/a#section") == "https://example.org/a#section"


def test_addresses_of_the_same_page_have_one_key() -> None:
    same = [
        "https://example.org/a/b", "http://www.example.org/a/b/", "https://m.example.org/a/b/amp", "https://example.org/amp/a/b",
        "https://example.org/a/b/index.html", "https://example.org/a/b?utm_medium=x#top", "https://example.org/a//b",
    ]  # fmt: skip
    assert {canonical(url) for url in same} == {"example.org/a/b"}
    assert canonical("https://example.org/?p=1") != canonical("https://example.org/?p=2")
    assert canonical("https://example.org/A") != canonical("https://example.org/a")


def test_addresses_that_only_lead_on_are_known() -> None:
    assert is_redirect("https://news.google.com/rss/articles/CBMi?oc=5")
    assert is_redirect("http://feedproxy.google.com/~r/x/~3/y/")
    assert not is_redirect("https://news.google.com/about")
    assert not is_redirect("https://example.org/rss/articles/1")


@given(st.text(max_size=80), st.sampled_from([None, BASE]))
def test_nothing_raises_and_an_absolute_address_stays_as_it_is(written: str, base: str | None) -> None:
    url = absolute(written, base)
    if url is not None:
        assert url.startswith(("http://", "https://"))
        assert absolute(url) == url
        assert without_tracking(without_tracking(url)) == without_tracking(url)
        canonical(url)
