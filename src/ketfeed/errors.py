"""What can go wrong, as one tree.

KetfeedError
├── UsageError              wrong usage or configuration: exit code 2, a sentence that says what to do
│   └── CatalogError        the editors' YAML, with every complaint at once
├── StoreError              the database cannot be used (locked by another service, newer schema, disk full)
└── PollError               one poll failed; ``outcome`` is a word of the closed list (docs/design.md)
    ├── before a packet     BadUrl UnsupportedScheme BlockedAddress BlockedPort
    ├── transport           PollTimeout ConnectionFailed DnsFailed TlsFailed ProtocolFailed Truncated
    │                       BadEncoding TooLarge
    ├── the reply           HttpFailed AuthRequired Gone RateLimited RedirectFailed TooManyRedirects
    ├── the document        SelfLoop NotAFeed ForbiddenXml ParseFailed ParseTimeout
    └── ourselves           StorageFailed InternalFault

A failed poll of one source is expected and is a value in the end (``model.Poll``); a bug is not.
Every PollError takes one argument, a sentence for a person, so that it survives pickling between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from ketfeed.model import Complaint, Outcome


class KetfeedError(Exception):
    """Any error ketfeed raises on purpose; its text is a sentence for a person."""


class UsageError(KetfeedError):
    """Wrong usage or configuration; the command line turns it into exit code 2."""


class CatalogError(UsageError):
    """The editors' files cannot be used.

    ``complaints`` holds every error found, in file and line order, so that an editor mends all of them at once.
    """

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("\n".join(str(complaint) for complaint in self.complaints))


class StoreError(KetfeedError):
    """The database cannot be used; the text says why and what to do."""


class PollError(KetfeedError):
    """One poll failed for a reason on the closed list."""

    outcome: ClassVar[Outcome]


class BadUrl(PollError):
    """The address is not one a feed can have (userinfo, control characters, no host, too long)."""

    outcome = "bad_url"


class UnsupportedScheme(PollError):
    """The address is neither http nor https."""

    outcome = "unsupported_scheme"


class BlockedAddress(PollError):
    """The host is, or resolves to, an address ketfeed must not reach."""

    outcome = "blocked_address"


class BlockedPort(PollError):
    """The port belongs to another protocol."""

    outcome = "blocked_port"


class PollTimeout(PollError):
    """The deadline of the whole poll, or of connecting, has passed."""

    outcome = "timeout"


class ConnectionFailed(PollError):
    """The connection was refused, reset or could not be made."""

    outcome = "connection_error"


class DnsFailed(PollError):
    """The host name has no address."""

    outcome = "dns"


class TlsFailed(PollError):
    """The certificate or the handshake is not acceptable."""

    outcome = "tls"


class ProtocolFailed(PollError):
    """The reply is not HTTP, or its framing contradicts itself."""

    outcome = "protocol_error"


class Truncated(PollError):
    """The body ended before its declared or encoded end."""

    outcome = "truncated"


class BadEncoding(PollError):
    """The content coding is not the one asked for, or is damaged."""

    outcome = "bad_encoding"


class TooLarge(PollError):
    """The headers or the body pass a limit, on the wire or decoded."""

    outcome = "too_large"


class HttpFailed(PollError):
    """The server answered with a status that carries no feed."""

    outcome = "http_error"


class AuthRequired(PollError):
    """The server answered 401, 403 or 407."""

    outcome = "auth_required"


class Gone(PollError):
    """The server answered 410: the source is paused until an editor resumes it."""

    outcome = "gone"


class RateLimited(PollError):
    """The server answered 429 or 503 with Retry-After, or the host's hold has not ended."""

    outcome = "rate_limited"


class RedirectFailed(PollError):
    """A redirect without a usable Location."""

    outcome = "redirect_error"


class TooManyRedirects(PollError):
    """More redirects than the limit, or a circle."""

    outcome = "too_many_redirects"


class SelfLoop(PollError):
    """The document is ketfeed's own output."""

    outcome = "self_loop"


class NotAFeed(PollError):
    """The document is not in any format ketfeed reads, or a page rule matched nothing."""

    outcome = "not_a_feed"


class ForbiddenXml(PollError):
    """The document declares entities or nests and repeats beyond every feed's need."""

    outcome = "forbidden_xml"


class ParseFailed(PollError):
    """The document looks like a feed and cannot be read."""

    outcome = "parse_error"


class ParseTimeout(PollError):
    """The parser passed its processor, wall-clock or memory limit and was ended."""

    outcome = "parse_timeout"


class StorageFailed(PollError):
    """The poll's transaction could not be committed; nothing of it was kept."""

    outcome = "storage"


class InternalFault(PollError):
    """A bug in ketfeed; every test run fails on one."""

    outcome = "internal"
