"""One message to the operator's own mail server. Blocking: call it in a thread."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from ketfeed.errors import ConnectionFailed, UsageError

TIMEOUT = 20.0  # seconds for each step of the conversation


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in: ``smtp://`` turns to TLS when the server offers it, ``smtps://`` starts with it."""

    host: str
    port: int
    tls: bool  # from the first byte
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, address: str) -> MailServer:
        """Read ``smtp://user:password@host:587``. Raises UsageError that does not repeat the password."""
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError("KETFEED_SMTP is not an address; write smtp://user:password@host:587") from error
        if parts.scheme not in ("smtp", "smtps") or not host:
            raise UsageError("KETFEED_SMTP wants smtp://host:port or smtps://host:port, with user:password@ if needed")
        tls = parts.scheme == "smtps"
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(host, port or (465 if tls else 587), tls, user, password)


def send_mail(server: MailServer, *, sender: str, recipients: Sequence[str], subject: str, text: str) -> None:
    """Hand one plain text message in.

    A password is sent over TLS only. Raises ConnectionFailed, with a sentence, when the server does not take it.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ", ".join(recipients), subject
    message["Date"], message["Message-ID"] = formatdate(usegmt=True), make_msgid(domain="ketfeed.invalid")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    message.set_content(text)
    context = ssl.create_default_context()
    try:
        with _connect(server, context) as connection:
            if not server.tls and connection.has_extn("starttls"):
                connection.starttls(context=context)
                connection.ehlo()
            elif not server.tls and server.password is not None:
                raise ConnectionFailed(f"the mail server {server.host} offers no TLS, so the password was not sent")
            if server.user is not None and server.password is not None:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise ConnectionFailed(f"the mail server {server.host} did not take the message: {error}") from error


def _connect(server: MailServer, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.tls:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    connection.ehlo()
    return connection
