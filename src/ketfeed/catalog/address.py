"""Addresses in the editors' files: what is wrong with one, and when two spellings are the same address.

Nothing is looked up and nothing is refused for good here: the guard of net/ judges each connection again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

MAX_LENGTH = 4096  # characters, the limit of docs/design.md
SPECIAL_NAMES = (
    "local", "internal", "localhost", "lan", "home", "corp", "home.arpa", "intranet", "onion", "test", "invalid",
)  # fmt: skip
TRACKERS = re.compile(r"^(?:utm_[a-z]+|fbclid|gclid|mc_cid|mc_eid)$", re.IGNORECASE)
FEED_SCHEMES = ("feed", "feeds", "rss", "itpc", "pcast", "podcast", "webcal")  # app spellings of http
PLACEHOLDER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an address, what to write instead, and whether it can be polled all the same."""

    problem: str
    advice: str
    severity: Literal["error", "warning"] = "error"


def find_fault(url: str) -> Fault | None:
    """The worst fault of an address as an editor wrote it, or None. Pure: no lookup."""
    stripped = url.strip()
    if not stripped:
        return Fault("empty address", "write https://…")
    if len(url) > MAX_LENGTH:
        return Fault(f"address longer than {MAX_LENGTH} characters", "use a shorter address")
    if PLACEHOLDER.search(url):
        blank = PLACEHOLDER.findall(url)[0]
        return Fault(f"{blank} is a blank to fill in", "fill in the value the publisher issues")
    if ":" not in url and any(character.isspace() for character in stripped):
        return Fault("not an address", "write https://host/path")
    if any(character.isspace() or ord(character) < 32 or ord(character) == 127 for character in url):
        return Fault("white space or a control character in the address", f"write {quote(stripped, safe=_SAFE)}")
    scheme, colon, rest = url.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) or "." in scheme:
        return Fault("not an address", f"write https://{url.lstrip('/')}")
    if scheme.lower() not in ("http", "https"):
        advice = f"write {_as_http(rest)}" if scheme.lower() in FEED_SCHEMES else "write an https:// address"
        return Fault(f"unsupported scheme {scheme.lower()}", advice)
    return _find_host_fault(url)


_SAFE = "%/:=&?~#+!$,;'@()*[]"


def _as_http(rest: str) -> str:
    """``feed://example.org/x`` and ``feed:https://example.org/x`` → an http address."""
    if re.match(r"https?://", rest.lstrip("/"), re.IGNORECASE):
        return rest.lstrip("/")
    return f"https://{rest.lstrip('/')}"


def _find_host_fault(url: str) -> Fault | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return Fault(f"not an address ({error})", "check host and port")
    if "@" in parts.netloc or "\\" in parts.netloc:
        return Fault("user, password or backslash before the host", "use auth: {basic_env: NAME} for credentials")
    host = (parts.hostname or "").rstrip(".")
    if not host:
        return Fault("an address without a host", "write https://host/path")
    if port == 0 or (parts.netloc.endswith(":")):
        return Fault("an empty port or port 0", "leave the port out")
    literal = address_literal(host)
    if literal is not None:
        if is_private(literal):
            return Fault(
                f"{host} is not a public address",
                "polls will say blocked_address unless KETFEED_ALLOW_NETWORKS has it",
                "warning",
            )  # fmt: skip
        return None
    if not re.fullmatch(r"[^\s!\"#$%&'()*+,/:;<=>?@\[\\\]^`{|}]+", host) or ".." in host or host.startswith("."):
        return Fault(f"{host} is not a host name", "check the spelling of the host")
    if "." not in host or host.lower().endswith(tuple(f".{name}" for name in SPECIAL_NAMES)):
        return Fault(f"{host} is not a public name", "polls will refuse it", "warning")
    return None


def address_literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address a host spells as numbers, in every spelling a resolver takes (hex, octal, short, decimal)."""
    try:
        return ip_address(host.split("%")[0])
    except ValueError:
        pass
    parts = host.lower().split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers: list[int] = []
    for part in parts:
        if re.fullmatch(r"0x[0-9a-f]+", part):
            numbers.append(int(part, 16))
        elif re.fullmatch(r"0[0-7]*", part):
            numbers.append(int(part, 8))
        elif re.fullmatch(r"[0-9]{1,12}", part):
            numbers.append(int(part))
        else:
            return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 256 ** (5 - len(parts)):
        return None
    value = last
    for index, head in enumerate(heads):
        value += head << (24 - 8 * index)
    return IPv4Address(value)


def is_within(url: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether an address by number, or localhost, is one the operator allowed."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    literal = ip_address("127.0.0.1") if host == "localhost" else address_literal(host)
    return literal is not None and any(literal in network for network in networks)


def is_private(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address literal is plainly not on the public internet; a hint for editors, not the guard."""
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is not None:
            return is_private(embedded)
    return not address.is_global or address.is_multicast or address.is_reserved


def address_key(url: str) -> str:
    """One key for all spellings of an address: scheme, www, default port, trailing slash, fragment and trackers folded.

    ``HTTP://www.Example.org:80/feed/?utm_source=x#top`` and ``https://example.org/feed`` → ``example.org/feed``.
    """
    cleaned = url.strip()
    scheme, _, rest = cleaned.partition(":")
    if scheme.lower() in FEED_SCHEMES:
        cleaned = _as_http(rest)
    try:
        parts = urlsplit(cleaned)
        port = parts.port
    except ValueError:
        return cleaned.casefold()
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        host = host.casefold()
    shown_port = "" if port in (None, 80, 443) else f":{port}"
    path = quote(unquote(parts.path), safe="/:@!$&'()*+,;=~").rstrip("/")
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not TRACKERS.match(pair[0])]
    if host == "feeds.feedburner.com":
        pairs = [pair for pair in pairs if pair[0] != "format"]  # only asks for a rendering
    query = f"?{urlencode(sorted(pairs))}" if pairs else ""
    return f"{host}{shown_port}{path}{query}"
