"""Which addresses may be reached: pure judgements, without any lookup.

The rule is default deny. An IPv4 address must be outside every special-purpose network, an IPv6 address must be
global unicast, outside those networks and must not carry an IPv4 address. A URL must be http or https, have a host in
its one plain spelling, and a port that does not belong to another protocol. The only exception is ``allow_networks``,
an explicit list of networks.

``ipaddress.is_global`` is not asked: on Python 3.11 it calls NAT64, 6to4 and multicast addresses global.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, inet_pton
from urllib.parse import quote

import idna

from ketfeed.errors import BadUrl, BlockedAddress, BlockedPort, UnsupportedScheme
from ketfeed.net.special import (
    BAD_PORTS,
    DENIED_V4,
    DENIED_V6,
    EMBEDDING_V6,
    GLOBAL_V6,
    ISATAP,
    METADATA_NAMES,
    SPECIAL_NAMES,
)

MAX_URL = 4096  # characters; longer addresses are cut off by some servers and proxies
DEFAULT_PORTS = {"http": 80, "https": 443}

Networks = tuple[IPv4Network | IPv6Network, ...]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_COMMON = re.compile(r"(https?)://([a-z0-9_.\-]+)(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)")
"""Nearly every address: nothing in it is odd before its host has been looked at, or its path for what is encoded."""
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PLAIN_V4 = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_DIGITS = re.compile(r"[0-9]+")
_UNSAFE_IN_PATH = re.compile(r"[^!#-;=?-\[\]_a-z|~]")


@dataclass(frozen=True, slots=True)
class Target:
    """A judged URL in the parts a request is made of."""

    scheme: str  # http or https
    host: str  # lower case, ASCII, no brackets, no trailing dot
    port: int
    literal: bool  # the host is an address, not a name
    path: str  # request target in origin form: path and query, percent-encoded

    @property
    def authority(self) -> str:
        """Value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454): what credentials and validators belong to."""
        return (self.scheme, self.host, self.port)

    @property
    def url(self) -> str:
        """The address in its plain spelling, without a fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"


def check_url(url: str, allow_networks: Iterable[str] = ()) -> None:
    """Refuse a URL that ketfeed must not ask for, as far as can be said without a lookup.

    ``allow_networks`` are CIDRs that may be reached although they are denied. Raises BadUrl, UnsupportedScheme,
    BlockedPort or BlockedAddress with a sentence for the editor.
    """
    judge_url(url, networks(allow_networks))


def check_address(ip: str, allow_networks: Iterable[str] = ()) -> None:
    """Refuse an address, as a lookup returns it, that ketfeed must not connect to.

    Raises BlockedAddress; also for anything that is not an address in its plain spelling.
    """
    judge_address(ip, networks(allow_networks))


def networks(allow: Iterable[str | IPv4Network | IPv6Network]) -> Networks:
    """The networks of a list of CIDRs. Raises ValueError for one that is none (a host bit set counts as one)."""
    return _networks(tuple(str(item) for item in ([allow] if isinstance(allow, str) else allow)))


@lru_cache(maxsize=64)
def _networks(allow: tuple[str, ...]) -> Networks:
    return tuple(ip_network(item.strip()) for item in allow)


def judge_address(ip: str, allow: Networks = ()) -> None:
    """As check_address, with networks already read."""
    try:
        if _PLAIN_V4.fullmatch(ip):
            _judge_v4(ip, allow)
        else:
            _judge(ip_address(ip), allow)
    except (ValueError, OSError):
        raise BlockedAddress(f"{printable(ip)} is not an address that can be judged") from None


def _judge_v4(ip: str, allow: Networks) -> None:
    """As ``_judge``, for four decimal numbers: a public address, and nearly all are, without an object for it.

    Raises OSError when a number is above 255.
    """
    number = int.from_bytes(inet_pton(AF_INET, ip))
    at = bisect_right(_DENIED_FROM, number)
    if at and number <= _DENIED_TO[at - 1]:
        _judge(IPv4Address(number), allow)


_DENIED_FROM = sorted(int(network[0]) for network, _ in DENIED_V4)
_DENIED_TO = sorted(int(network[-1]) for network, _ in DENIED_V4)
"""First and last addresses of the denied networks, which do not overlap."""


def _judge(address: IPv4Address | IPv6Address, allow: Networks) -> None:
    reason = _denied(address, allow)
    if reason:
        raise BlockedAddress(f"{address} is not a public address: {reason}")


def judge_url(url: str, allow: Networks = ()) -> Target:
    """As check_url, with networks already read; returns the parts that were judged, so that no one reads them twice."""
    if len(url) > MAX_URL:
        raise BadUrl(f"the address is {len(url)} characters long, at most {MAX_URL} are accepted")
    common = _COMMON.fullmatch(url)
    if common is not None:
        scheme, host, digits, rest = common.groups()
        port = _port(digits, scheme, url)
    else:
        if _CONTROL.search(url):
            raise BadUrl(f"the address {printable(url)} contains a control character")
        if url != url.strip():
            raise BadUrl(f"the address {printable(url)} begins or ends with a space")
        scheme, authority, rest = _split(url)
        host, port = _split_authority(authority, scheme, url)
    host, literal = _judge_host(host, allow, url)
    if port in BAD_PORTS:
        raise BlockedPort(f"port {port} of {printable(url)} belongs to another protocol than HTTP")
    return Target(scheme, host, port, literal, _path(rest, url))


def _split(url: str) -> tuple[str, str, str]:
    """Scheme in lower case, authority, and the rest from the first of ``/ ? #``."""
    match = _SCHEME.match(url)
    if match is None:
        raise BadUrl(f"{printable(url)} is not an address: it has no scheme such as https://")
    scheme = match[1].lower()
    if scheme not in DEFAULT_PORTS:
        raise UnsupportedScheme(f"the scheme {printable(scheme)}: is not http or https")
    if not url.startswith("//", match.end()):
        raise BadUrl(f"{printable(url)} has no // after its scheme")
    start = match.end() + 2
    end = min((at for mark in "/?#" if (at := url.find(mark, start)) >= 0), default=len(url))
    return scheme, url[start:end], url[end:]


def _split_authority(authority: str, scheme: str, url: str) -> tuple[str, int]:
    """Host as written and port. User names, passwords and odd characters end here."""
    if "@" in authority:
        raise BadUrl(
            f"the address of {printable(authority.rpartition('@')[2])} contains a user name; use auth: instead"
        )
    if "\\" in authority:
        raise BadUrl(f"{printable(url)} contains a backslash in its host")
    if authority.startswith("["):
        host, bracket, tail = authority.partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise BadUrl(f"{printable(url)} has an IPv6 address that is not closed")
        return host + bracket, _port(tail[1:], scheme, url)
    host, _, port = authority.partition(":")
    return host, _port(port, scheme, url)


def _port(text: str | None, scheme: str, url: str) -> int:
    if not text:
        return DEFAULT_PORTS[scheme]
    if not _DIGITS.fullmatch(text) or len(text) > 8 or int(text) > 65_535:
        raise BadUrl(f"{printable(url)} has no usable port")
    return int(text)


def _judge_host(host: str, allow: Networks, url: str) -> tuple[str, bool]:
    """The host in plain spelling and whether it is a literal address."""
    if not host:
        raise BadUrl(f"{printable(url)} has no host")
    if "%" in host:
        raise BadUrl(f"{printable(url)} contains a percent sign in its host")
    if host.startswith("["):
        try:
            v6 = IPv6Address(host[1:-1])
        except ValueError:
            raise BadUrl(f"{printable(host)} is not an IPv6 address") from None
        _judge(v6, allow)
        return str(v6), True
    name = _ascii(host).removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise BadUrl(f"{printable(host)} is not a host name")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        _judge_number(name, labels, allow)
        return name, True
    _judge_name(name, labels, allow)
    return name, False


def _ascii(host: str) -> str:
    """A host name in lower case and ASCII (UTS 46, IDNA 2008): ``Bücher.example`` → ``xn--bcher-kva.example``."""
    if host.isascii():
        return host.lower()
    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
        return mapped if mapped.isascii() else idna.encode(mapped).decode("ascii")
    except (idna.IDNAError, UnicodeError, IndexError, ValueError):
        raise BadUrl(f"{printable(host)} is not a host name") from None


def _judge_number(name: str, labels: list[str], allow: Networks) -> None:
    """A host whose last label is a number is an IPv4 address in some spelling (WHATWG URL, "ends in a number").

    Only four decimal numbers without leading zeros are accepted. Another spelling is blocked when any resolver's
    reading of it (``010`` is 8 to some and 10 to others) is denied, else it is a bad URL.
    """
    if _PLAIN_V4.fullmatch(name):
        try:
            _judge_v4(name, allow)
        except OSError:
            raise BadUrl(f"{name} is not an IPv4 address") from None
        return
    for reading in (_read_v4(labels, octal=True), _read_v4(labels, octal=False)):
        if reading is not None:
            _judge(reading, allow)
    raise BadUrl(f"{name} is an odd spelling of a number; write the address as four decimal numbers")


def _read_v4(labels: list[str], *, octal: bool) -> IPv4Address | None:
    """One to four numbers, the last filling the rest (inet_aton), or None where they are none or too large."""
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        return None
    values = [_read_number(label, octal=octal) for label in labels]
    if None in values:
        return None
    *firsts, last = [value for value in values if value is not None]
    if any(value > 255 for value in firsts) or last >= 256 ** (4 - len(firsts)):
        return None
    return IPv4Address(sum(value << 24 - 8 * index for index, value in enumerate(firsts)) + last)


def _read_number(label: str, *, octal: bool) -> int | None:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    try:
        return int(label, 8 if octal and label.startswith("0") else 10)
    except ValueError:
        return None


def _judge_name(name: str, labels: list[str], allow: Networks) -> None:
    if labels[-1] == "localhost" and any(loop in network for loop in _LOOPBACK for network in allow):
        return  # RFC 6761: always loopback, so the exception for loopback covers the name; the answer is judged again
    if len(labels) == 1 or labels[-1] in SPECIAL_NAMES or name in METADATA_NAMES:
        raise BlockedAddress(f"{name} is a name for use inside a network, not a public host")


_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


def _denied(address: IPv4Address | IPv6Address, allow: Networks) -> str:
    """Why an address is denied, or an empty string."""
    if getattr(address, "scope_id", None) is not None:
        return "it has a zone"
    for network in allow:
        if address.version == network.version and address in network:
            return _denied_inside(address, network, allow)
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in DENIED_V4 if address in network), "")
    for network, _, reason in EMBEDDING_V6:
        if address in network and int(address) > 1:
            return reason
    if address not in GLOBAL_V6:
        return "it is outside global unicast (RFC 4291)"
    if int(address) >> 32 & 0xFFFF_FFFF in ISATAP:
        return "ISATAP (RFC 5214)"
    return next((reason for network, reason in DENIED_V6 if address in network), "")


def _denied_inside(address: IPv4Address | IPv6Address, exception: IPv4Network | IPv6Network, allow: Networks) -> str:
    """An exception for a whole embedding form (such as NAT64) is none for the private IPv4 addresses it can carry."""
    if isinstance(address, IPv6Address) and int(address) > 1:
        for network, shift, _ in EMBEDDING_V6:
            if address in network and exception.prefixlen <= network.prefixlen:
                return _denied(IPv4Address(int(address) >> shift & 0xFFFF_FFFF), allow)
    return ""


def _path(rest: str, url: str) -> str:
    """Request target: path and query without the fragment; what HTTP cannot carry is percent-encoded as UTF-8."""
    path = rest.partition("#")[0]
    if not path.startswith("/"):
        path = "/" + path
    if not _UNSAFE_IN_PATH.search(path):
        return path
    try:
        return _UNSAFE_IN_PATH.sub(lambda match: quote(match[0], safe="%"), path)
    except UnicodeEncodeError:
        raise BadUrl(f"{printable(url)} contains half a character") from None


def printable(text: str, limit: int = 200) -> str:
    """Text from outside for a log line or status row: control characters escaped, at most ``limit`` characters."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in shown)
