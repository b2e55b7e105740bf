"""The guard: what is refused, what passes, and that no spelling gets around it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.net.spellings import ADDRESSES, EXCEPTIONS, URLS

from ketfeed.errors import BadUrl, BlockedAddress, BlockedPort, PollError
from ketfeed.net.guard import MAX_URL, check_address, check_url, judge_url, printable
from ketfeed.net.special import BAD_PORTS, DENIED_V4, DENIED_V6, EMBEDDING_V6

pytestmark = pytest.mark.usefixtures("only_loopback")


@pytest.mark.parametrize(("url", "refusal"), URLS, ids=[repr(url[:60]) for url, _ in URLS])
def test_a_url_is_judged_right_in_every_spelling(url: str, refusal: type[PollError] | None) -> None:
    if refusal is None:
        check_url(url)
    else:
        with pytest.raises(refusal):
            check_url(url)


@pytest.mark.parametrize(("ip", "allowed"), ADDRESSES, ids=[ip[:50] for ip, _ in ADDRESSES])
def test_an_address_is_judged_right(ip: str, allowed: bool) -> None:
    if allowed:
        check_address(ip)
    else:
        with pytest.raises(BlockedAddress):
            check_address(ip)


@pytest.mark.parametrize(("thing", "networks", "refusal"), EXCEPTIONS)
def test_an_exception_opens_what_it_names_and_nothing_else(
    thing: str, networks: list[str], refusal: type[PollError] | None
) -> None:
    check = check_url if "//" in thing else check_address
    if refusal is None:
        check(thing, networks)
    else:
        with pytest.raises(refusal):
            check(thing, networks)


def test_the_tables_hold_at_least_120_spellings() -> None:
    assert len({url for url, _ in URLS}) + len({ip for ip, _ in ADDRESSES}) >= 120


@pytest.mark.parametrize("port", sorted(BAD_PORTS))
def test_ports_of_other_protocols_are_refused(port: int) -> None:
    with pytest.raises(BlockedPort):
        check_url(f"http://example.org:{port}/feed")
    with pytest.raises(BlockedPort):
        check_url(f"http://[2606:4700::1]:0{port}/feed")


def test_an_exception_for_a_network_does_not_open_a_port() -> None:
    with pytest.raises(BlockedPort):
        check_url("http://127.0.0.1:6379/", ["127.0.0.0/8"])


def test_a_network_with_host_bits_is_refused_loudly() -> None:
    with pytest.raises(ValueError, match="host bits"):
        check_address("10.0.0.1", ["10.0.0.1/8"])


def test_the_judged_parts_are_what_a_request_is_made_of() -> None:
    target = judge_url('HTTPS://Bücher.Example.ORG.:8443/a b/é?q="x"&r=%41#part')
    assert (target.scheme, target.host, target.port, target.literal) == (
        "https",
        "xn--bcher-kva.example.org",
        8443,
        False,
    )
    assert target.path == "/a%20b/%C3%A9?q=%22x%22&r=%41"
    assert target.url == "https://xn--bcher-kva.example.org:8443/a%20b/%C3%A9?q=%22x%22&r=%41"
    assert judge_url("http://[2606:4700:0:0::1]:80").url == "http://[2606:4700::1]/"
    assert judge_url("http://example.org?x").path == "/?x"


def test_a_url_may_be_as_long_as_the_limit() -> None:
    base = "https://example.org/"
    check_url(base + "a" * (MAX_URL - len(base)))
    with pytest.raises(BadUrl):
        check_url(base + "a" * (MAX_URL - len(base) + 1))


def test_refusals_are_sentences_of_one_printable_line() -> None:
    for url, refusal in URLS:
        if refusal is not None:
            with pytest.raises(PollError) as caught:
                check_url(url)
            assert str(caught.value).isprintable(), url
            assert len(str(caught.value)) < 500


def test_a_refusal_never_repeats_a_password() -> None:
    with pytest.raises(BadUrl) as caught:
        check_url("https://editor:hunter2@example.org/feed")
    assert "hunter2" not in str(caught.value)
    assert "editor" not in str(caught.value)


def test_text_from_outside_is_escaped_and_cut() -> None:
    assert printable("a\n\x1b[31m\u202eb") == "a\\n\\x1b[31m\\u202eb"
    assert len(printable("x" * 5000, 40)) == 40


# ---------------------------------------------------------------- no address inside a denied network passes


def _inside(networks: Sequence[IPv4Network | IPv6Network]) -> st.SearchStrategy[int]:
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(int(network.network_address), int(network.broadcast_address))
    )


DENIED_NUMBERS_V4 = _inside([network for network, _ in DENIED_V4])
DENIED_NUMBERS_V6 = _inside([*(network for network, _ in DENIED_V6), *(network for network, _, _ in EMBEDDING_V6)])
DIGIT_SETS = ["０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⓪①②③④⑤⑥⑦⑧⑨"]
WRITERS = ["{:d}", "0{:o}", "000{:o}", "0x{:x}", "0X{:X}", "0x000{:x}"]
DOTS = [".", "。", "．", "｡"]


@st.composite
def spelled_v4(draw: st.DrawFn, numbers: st.SearchStrategy[int]) -> str:
    """An IPv4 address as one to four numbers, each decimal, octal or hexadecimal, in odd digits and with odd dots."""
    number = draw(numbers)
    count = draw(st.integers(1, 4))
    firsts = [number >> 24 - 8 * index & 0xFF for index in range(count - 1)]
    parts = [*firsts, number & (1 << 8 * (5 - count)) - 1]
    text = draw(st.sampled_from(DOTS)).join(draw(st.sampled_from(WRITERS)).format(part) for part in parts)
    digits = draw(st.sampled_from([None, *DIGIT_SETS]))
    if digits is not None:
        text = text.translate({ord("0") + value: char for value, char in enumerate(digits)})
    return text + draw(st.sampled_from(["", ".", ":8080", ".:8080"]))


@st.composite
def embedded_v6(draw: st.DrawFn, numbers: st.SearchStrategy[int]) -> str:
    """An IPv6 address that carries a denied IPv4 address, compressed, exploded or with its dotted tail."""
    number = draw(numbers)
    prefix, shift, _ = draw(st.sampled_from(EMBEDDING_V6))
    low = draw(st.integers(0, (1 << shift) - 1)) if shift else 0
    address = IPv6Address(int(prefix.network_address) | number << shift | low)
    if shift == 0 and draw(st.booleans()):
        head = IPv6Address(int(prefix.network_address)).exploded.rsplit(":", 2)[0]
        return f"{head}:{IPv4Address(number)}"
    return draw(st.sampled_from([address.compressed, address.exploded, address.exploded.upper()]))


@given(spelled_v4(DENIED_NUMBERS_V4), st.sampled_from(["http", "HTTPS"]))
@example("0x7f.1", "http")
@example("017700000001", "http")
def test_no_denied_ipv4_address_passes_in_any_spelling(host: str, scheme: str) -> None:
    with pytest.raises((BlockedAddress, BadUrl)):
        check_url(f"{scheme}://{host}/feed")


@given(embedded_v6(DENIED_NUMBERS_V4))
def test_no_denied_ipv4_address_passes_inside_an_ipv6_address(address: str) -> None:
    with pytest.raises(BlockedAddress):
        check_address(address)
    with pytest.raises(BlockedAddress):
        check_url(f"http://[{address}]/feed")


@given(DENIED_NUMBERS_V6)
def test_no_denied_ipv6_address_passes(number: int) -> None:
    with pytest.raises(BlockedAddress):
        check_address(str(IPv6Address(number)))


def test_denied_ipv4_networks_do_not_overlap() -> None:
    """They are looked up by their first and last addresses."""
    ordered = sorted(DENIED_V4, key=lambda row: row[0])
    assert all(one[-1] < other[0] for (one, _), (other, _) in pairwise(ordered))


@pytest.mark.parametrize("network", [network for network, _ in DENIED_V4], ids=str)
def test_a_denied_ipv4_network_is_denied_from_its_first_to_its_last_address(network: IPv4Network) -> None:
    for address in (network[0], network[-1]):
        with pytest.raises(BlockedAddress):
            check_address(str(address))
    for number in (int(network[0]) - 1, int(network[-1]) + 1):
        if 0 <= number < 2**32 and not any(IPv4Address(number) in other for other, _ in DENIED_V4):
            check_address(str(IPv4Address(number)))


@settings(max_examples=500)
@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_what_the_standard_library_calls_not_global_never_passes(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        with pytest.raises(BlockedAddress):
            check_address(str(address))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_ordinary_public_addresses_pass(second: int, third: int, fourth: int) -> None:
    check_address(f"93.{second}.{third}.{fourth}")
    check_address(f"2a00:{second:x}:{third:x}::{fourth:x}")
    check_url(f"https://93.{second}.{third}.{fourth}:8443/")


@settings(max_examples=400)
@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://[", "//", "http://a@", "http://xn--"]))
def test_any_text_is_judged_with_a_class_of_the_closed_list(text: str, start: str) -> None:
    try:
        target = judge_url(start + text)
    except PollError as error:
        assert error.outcome in ("bad_url", "unsupported_scheme", "blocked_address", "blocked_port")  # noqa: PT017
    else:
        assert target.url.isascii()
        assert target.url.isprintable()
        assert " " not in target.url
        assert judge_url(target.url) == target, "a judged address is judged the same again"
        if target.literal:
            check_address(str(ip_address(target.host)))
