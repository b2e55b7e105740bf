"""Telling others: hubs that a feed changed, editors that a source changed its state of health.

    poll stored ─▶ noticed ─▶ (waits, so that many become one) ─▶ hubs      one POST per hub
                                                               └▶ digest    one webhook POST, one mail

Nothing here delays a poll: what is to be told waits in memory, is sent by a task of its own, is tried again with
growing pauses and is dropped, with a line in the log, when nobody takes it. A source that is back where it was before
the digest left is not mentioned.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from urllib.parse import urlencode

import structlog

from ketfeed.errors import PollError
from ketfeed.model import FetchResult, HealthState, Site, SourceState
from ketfeed.settings import Settings

log = structlog.get_logger()

HUB_AFTER = 3.0  # seconds from the first change to the ping: polls that end together make one
DIGEST_AFTER = 600.0  # seconds from the first change of health to its digest
PAUSES = (0.0, 10.0, 60.0, 300.0)  # seconds before each try
WORTH_TELLING = frozenset({"healthy", "quiet", "failing", "blocked", "moved", "gone"})


class Poster(Protocol):
    """What notices need of ketfeed.net.client.Client."""

    async def post(
        self, url: str, *, body: bytes, content_type: str, headers: Sequence[tuple[str, str]] = ()
    ) -> FetchResult: ...


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A source is doing otherwise than before."""

    source_id: str
    url: str
    before: HealthState
    after: HealthState
    at: datetime
    error: str | None  # the last one, when it is doing badly
    moved_to: str | None
    alternative: str | None = None  # another feed of its site

    def sentence(self) -> str:
        """``psypost: healthy → failing since 2026-03-04 12:00 UTC: the host name has no address``"""
        said = f"{self.source_id}: {self.before} → {self.after} since {self.at:%Y-%m-%d %H:%M} UTC"
        if self.after == "moved" and self.moved_to:
            return f"{said}: now at {self.moved_to}"
        if self.error and self.after in ("failing", "blocked", "gone"):
            said = f"{said}: {self.error}"
        return f"{said}; its site has another feed, {self.alternative}" if self.alternative else said


def change_of(before: SourceState, after: SourceState, at: datetime) -> HealthChange | None:
    """The change worth telling between two states; a first good poll is none."""
    if before.health == after.health or after.health not in WORTH_TELLING:
        return None
    if before.health == "new" and after.health in ("healthy", "quiet"):
        return None
    return HealthChange(
        after.source_id, after.url, before.health, after.health, at, after.last_error, after.moved_to, after.alternative
    )


def merged(waiting: Mapping[str, HealthChange], change: HealthChange) -> dict[str, HealthChange]:
    """``waiting`` with one more change: one per source, none for a source that is back where it was."""
    known = waiting.get(change.source_id)
    rest = {name: one for name, one in waiting.items() if name != change.source_id}
    before = known.before if known else change.before
    if before == change.after:
        return rest
    return {**rest, change.source_id: replace(change, before=before)}


class Notifier:
    """Gathers what is to be told and tells it from a task of its own; ``stop`` tells what is left, once."""

    def __init__(
        self,
        settings: Settings,
        client: Poster,
        site: Site,
        changed_feeds: Callable[[], Awaitable[Sequence[str]]],
        *,
        hub_after: float = HUB_AFTER,
        digest_after: float = DIGEST_AFTER,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """``changed_feeds`` returns the addresses of feeds that changed since it was last asked."""
        self.site = site
        self.client = client
        self._settings = settings
        self._changed_feeds = changed_feeds
        self._hub_after = hub_after
        self._digest_after = digest_after
        self._pauses = pauses
        self._waiting: dict[str, HealthChange] = {}
        self._hubs_due = self._digest_due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()

    # -- noticing; never waits

    def feeds_changed(self) -> None:
        """Some feed shows something else now."""
        if self.site.hubs and not self._hubs_due:
            self._hubs_due = True
            self._start(self._hub_after, self._ping_hubs)

    def health_changed(self, change: HealthChange) -> None:
        """A source is doing otherwise now."""
        log.info("health", source=change.source_id, before=change.before, after=change.after, error=change.error)
        if not (self._settings.webhook or self._settings.mail_to):
            return
        self._waiting = merged(self._waiting, change)
        if not self._digest_due:
            self._digest_due = True
            self._start(self._digest_after, self._send_digest)

    async def stop(self, grace: float = 2.0) -> None:
        """Send what is waiting, trying once, within ``grace`` seconds."""
        self._hurry.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
                log.warning("notice dropped", grace=grace)
            await asyncio.gather(*late, return_exceptions=True)

    # -- telling

    def _start(self, seconds: float, tell: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._later(seconds, tell))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, seconds: float, tell: Callable[[], Awaitable[None]]) -> None:
        await self._pause(seconds)
        try:
            await tell()
        except Exception:  # a notice is lost, the service goes on
            log.exception("notice failed")

    async def _pause(self, seconds: float) -> None:
        """Sleep, or wake at once when the service stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    async def _ping_hubs(self) -> None:
        self._hubs_due = False  # a change from now on makes a ping of its own
        feeds = await self._changed_feeds()
        if feeds:
            await asyncio.gather(*(self._ping(hub, feeds) for hub in self.site.hubs))

    async def _ping(self, hub: str, feeds: Sequence[str]) -> None:
        """WebSub leaves publishing to the hub; every public one takes ``hub.mode=publish`` with ``hub.url``s."""
        body = urlencode([("hub.mode", "publish"), *(("hub.url", feed) for feed in feeds)]).encode()
        await self._insist(
            hub, lambda: self.client.post(hub, body=body, content_type="application/x-www-form-urlencoded")
        )

    async def _send_digest(self) -> None:
        self._digest_due = False
        changes, self._waiting = list(self._waiting.values()), {}
        if not changes:
            return
        sending = []
        if self._settings.webhook:
            sending.append(self._post_webhook(self._settings.webhook, changes))
        if self._settings.smtp and self._settings.mail_to:
            sending.append(self._mail(self._settings.smtp, self._settings.mail_to, changes))
        await asyncio.gather(*sending)

    async def _post_webhook(self, url: str, changes: Sequence[HealthChange]) -> None:
        events = [
            {
                "source": change.source_id, "url": change.url, "before": change.before, "after": change.after,
                "at": change.at.isoformat(), "error": change.error, "moved_to": change.moved_to,
                "alternative": change.alternative,
            }
            for change in changes
        ]  # fmt: skip
        text = "\n".join(change.sentence() for change in changes)
        body = json.dumps({"site": self.site.title, "text": text, "events": events}, ensure_ascii=False).encode()
        await self._insist(url, lambda: self.client.post(url, body=body, content_type="application/json"))

    async def _mail(self, smtp: str, mail_to: str, changes: Sequence[HealthChange]) -> None:
        from ketfeed.net.mail import MailServer, send_mail  # most installations send none

        server = MailServer.parse(smtp)
        recipients = [part.strip() for part in mail_to.split(",") if part.strip()]
        many = f"{len(changes)} sources" if len(changes) > 1 else changes[0].source_id
        await self._insist(
            server.host,
            lambda: asyncio.to_thread(
                send_mail,
                server,
                sender=self._settings.mail_from or f"ketfeed@{server.host}",
                recipients=recipients,
                subject=f"{self.site.title}: news of {many}",
                text="\n".join(change.sentence() for change in changes) + "\n",
            ),
        )

    async def _insist(self, to: str, send: Callable[[], Awaitable[FetchResult | None]]) -> None:
        """Try until it is taken or the tries are used up; one line for the outcome."""
        error = ""
        for tries, pause in enumerate(self._pauses, start=1):
            await self._pause(pause)
            if tries > 1 and self._hurry.is_set():
                break
            try:
                reply = await send()
            except PollError as failure:
                error = str(failure)
                continue
            if reply is None or 200 <= reply.status < 300:
                log.info("notified", to=to, tries=tries)
                return
            error = f"answered {reply.status}"
            if 400 <= reply.status < 500 and reply.status not in (408, 429):
                break  # asking again will not change its mind
        log.warning("not notified", to=to, error=error)
