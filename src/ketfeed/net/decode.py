"""Content coding: gzip with a cap, and nothing else.

Only gzip is asked for. httpx would inflate whole chunks without a cap (33 KB of zstd become 4 GiB) and accept a gzip
that ends early; here ``zlib.decompressobj`` never returns more than is left of the cap, and the end must be seen.
"""

from __future__ import annotations

import zlib

from ketfeed.errors import BadEncoding, TooLarge, Truncated

ACCEPT_ENCODING = "gzip"
GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS
_MAX_MEMBERS = 64  # a file of a million empty members costs time without passing a size limit


class Decoder:
    """Turns the body on the wire into the body of the document, piece by piece.

    ``coding`` is the Content-Encoding header or None; ``limit`` the largest decoded body, bytes. A body that begins
    like gzip and is not declared so (``sitemap.xml.gz``, a forgotten header) is decoded too: no document begins so.
    Raises BadEncoding for any coding but gzip and for damage, TooLarge past the limit.
    """

    def __init__(self, coding: str | None, limit: int) -> None:
        names = [name for part in (coding or "").lower().split(",") if (name := part.strip()) not in ("", "identity")]
        if names and names not in (["gzip"], ["x-gzip"]):
            shown = ", ".join(names)[:100].encode("ascii", "backslashreplace").decode("ascii")
            raise BadEncoding(f"the body is encoded as {shown!r}, only gzip was asked for")
        self._limit = limit
        self._declared = bool(names)
        self._start = b""  # bytes before the kind of body is known
        self._plain = False
        self._member: zlib._Decompress | None = None
        self._members = 0
        self._between = False  # a member has ended and no byte has followed yet
        self._parts: list[bytes] = []
        self.size = 0  # bytes decoded so far

    def feed(self, data: bytes) -> None:
        """Take the next piece from the wire."""
        if self._plain:
            self._keep(data)
        elif self._members:
            self._inflate(data)
        else:
            self._start += data
            if len(self._start) >= len(GZIP_MAGIC):
                self._begin()

    def finish(self) -> bytes:
        """The whole decoded body. Raises Truncated when the end of a gzip stream was not seen."""
        if self._start:
            self._begin()
        if self._member is not None and not self._between:
            raise Truncated("the gzip stream ends early")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _begin(self) -> None:
        data, self._start = self._start, b""
        if data.startswith(GZIP_MAGIC) or (self._declared and GZIP_MAGIC.startswith(data)):
            self._next_member()
            self._inflate(data)
        elif self._declared:
            raise BadEncoding("the body is declared as gzip and is not")
        else:
            self._plain = True
            self._keep(data)

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise BadEncoding(f"the gzip stream has more than {_MAX_MEMBERS} members")
        self._member = zlib.decompressobj(_GZIP)
        self._between = False

    def _inflate(self, data: bytes) -> None:
        while data:
            if self._between:
                # RFC 1952: members may follow one another, and files are padded with zeros; anything else is damage
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._next_member()
            member = self._member
            if member is None:  # pragma: no cover  # the first member is opened before the first byte
                return
            try:
                self._keep(member.decompress(data, self._limit - self.size + 1))
            except zlib.error as error:
                raise BadEncoding(f"the gzip stream is damaged ({error})") from error
            self._between = member.eof
            data = member.unused_data if member.eof else member.unconsumed_tail

    def _keep(self, data: bytes) -> None:
        if data:
            self.size += len(data)
            if self.size > self._limit:
                raise TooLarge(f"the decoded body passes {self._limit} bytes")
            self._parts.append(data)
