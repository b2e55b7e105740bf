"""What one poll decides, without doing it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketfeed.model import FeedInfo, PageRule, Redirect, Source
from ketfeed.run.lines import one_line
from ketfeed.run.visit import body_hash, is_own_output, permanent_target, reading_key


def hops(*statuses: int) -> tuple[Redirect, ...]:
    return tuple(
        Redirect(f"http://h{number}/", status, f"http://h{number + 1}/") for number, status in enumerate(statuses)
    )


@pytest.mark.parametrize(
    ("statuses", "target"),
    [
        ((), None),
        ((301,), "http://h1/"),
        ((308, 301), "http://h2/"),
        ((301, 302), "http://h1/"),
        ((302, 301), None),
        ((307,), None),
    ],
)
def test_only_leading_permanent_redirects_move_an_address(statuses: tuple[int, ...], target: str | None) -> None:
    assert permanent_target(hops(*statuses)) == target


@pytest.mark.parametrize(
    ("generator", "self_link", "own"),
    [
        ("ketfeed", None, True),
        ("ketfeed/0.1.0", None, True),
        ("KetFeed 1.0 (https://k.example)", None, True),
        ("ketfeedback", None, False),
        ("WordPress", "https://k.example/feeds/ptsd.rss", True),
        (None, "https://k.example/other", False),
        (None, "https://k.example.evil/feeds/x", False),
        (None, None, False),
    ],
)
def test_our_own_feeds_are_known_by_generator_or_address(
    generator: str | None, self_link: str | None, own: bool
) -> None:
    info = FeedInfo(format="rss2.0", generator=generator, self_link=self_link)
    assert is_own_output(info, "https://k.example/") is own


def test_the_same_bytes_under_another_rule_are_another_document() -> None:
    page = Source(id="a", url="u", type="page")
    assert body_hash(page, b"x") == body_hash(replace(page, url="v", title="t"), b"x")
    assert body_hash(page, b"x") != body_hash(page, b"y")
    assert reading_key(page) != reading_key(replace(page, page=PageRule(items="article")))
    assert reading_key(page) != reading_key(replace(page, type="feed"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("right-to-left \u202e override", "right-to-left \\u202e override"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_a_message_is_one_line_without_control_characters(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text())
def test_whatever_a_server_says_is_printable(text: str) -> None:
    assert one_line(text).isprintable()
