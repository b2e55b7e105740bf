"""What one poll decides, as pure functions: what to ask, what the reply means, what to remember.

    Source, SourceState, now ─▶ ask ─▶ Request ─▶ (client) ─▶ unchanged? ─▶ (sandbox) ─▶ remember ─▶ SourceState

run/poll.py does what these decide.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ketfeed.model import (
    GOOD_OUTCOMES,
    FeedInfo,
    FetchResult,
    Outcome,
    Redirect,
    Source,
    SourceState,
    Validators,
)
from ketfeed.run import cadence
from ketfeed.run.health import health_of, is_quiet
from ketfeed.settings import Settings
from ketfeed.store.ready import ReadyFeed

READER_VERSION = "1"  # raised when the same bytes would be read differently: everything is then read once more


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: validators (None: everything is wanted) and whether caches on the way are to be passed by."""

    validators: Validators | None
    full: bool  # unconditional on purpose or for want of validators


def ask(source: Source, state: SourceState, now: datetime) -> Request:
    """Decide whether to ask "has it changed?" (RFC 9110 section 13) or for the whole document.

    The whole document: at first, when the address or the rule for reading it changed, and once a week.
    """
    if (
        state.validators is None
        or state.url != source.url
        or not _same_reading(source, state)
        or state.last_full_at is None
        or now - state.last_full_at >= cadence.FULL_FETCH_EVERY
    ):
        return Request(None, full=True)
    return Request(state.validators, full=False)


def host_hold(result: FetchResult, now: datetime) -> int | None:
    """Seconds for which the whole host is left alone: the Retry-After of an error (RFC 9110 section 10.2.3)."""
    return cadence.retry_after(result.header("retry-after"), now) if result.status >= 400 else None


def reading_key(source: Source) -> str:
    """Changes when the same bytes would become other entries: the way of reading, and the editor's rule for it."""
    if source.type == "feed" and source.language is None:
        return READER_VERSION
    rule = repr((source.type, source.page, source.sitemap, source.language))
    return f"{READER_VERSION}-{hashlib.sha256(rule.encode()).hexdigest()[:12]}"


def body_hash(source: Source, body: bytes) -> str:
    """Identifies a document together with the way it is read."""
    return f"{reading_key(source)}:{hashlib.sha256(body).hexdigest()}"


def _same_reading(source: Source, state: SourceState) -> bool:
    return state.body_hash is not None and state.body_hash.partition(":")[0] == reading_key(source)


def validators_of(result: FetchResult) -> Validators | None:
    """What to send next time, byte for byte, bound to the address that answered."""
    etag, last_modified = result.header("etag"), result.header("last-modified")
    if not etag and not last_modified:
        return None
    return Validators(url=result.final_url, etag=etag or None, last_modified=last_modified or None)


def permanent_target(redirects: tuple[Redirect, ...]) -> str | None:
    """Where the address has moved for good: the end of the leading permanent redirects (301, 308); None if nowhere."""
    target = None
    for hop in redirects:
        if hop.status not in (301, 308):
            break
        target = hop.target
    return target


def is_own_output(info: FeedInfo, base_url: str | None) -> bool:
    """Whether the document was made by ketfeed: following it would merge our output into itself."""
    generator = (info.generator or "").strip().casefold()
    if generator == "ketfeed" or generator.startswith(("ketfeed ", "ketfeed/")):
        return True
    return bool(base_url and info.self_link and info.self_link.startswith(base_url.rstrip("/") + "/feeds/"))


@dataclass(frozen=True, slots=True)
class Search:
    """What a look at the site of a source that is dead or silent has found."""

    at: datetime
    url: str | None  # of a feed that may take its place; None: there is none
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything one poll learned."""

    now: datetime
    outcome: Outcome
    error: str | None = None
    result: FetchResult | None = None  # None: no reply
    full: bool = False
    feed: ReadyFeed | None = None  # None: not read
    body_hash: str | None = None  # of the body read or recognised
    keep_validators: bool = True  # False: the document does not tell whether what hangs on it has changed
    moved_to: str | None = None  # where the source says it has moved for good, proven to be the same feed
    held_until: datetime | None = None  # no request was made: the host asked to be left alone
    search: Search | None = None  # None: nobody looked for another feed


def without_body(seen: Seen) -> Seen:
    """The same without the document as it came, which nobody reads any more."""
    if seen.result is None or not seen.result.body:
        return seen
    return replace(seen, result=replace(seen.result, body=b""))


def remember(
    source: Source, before: SourceState, seen: Seen, *, settings: Settings, jitter: float, seconds: float
) -> SourceState:
    """What the store keeps of the source after this poll.

    After a failure the validators and hashes of the last good document stay as they were. Counts of entries are the
    store's to fill in.
    """
    if seen.held_until is not None:
        return _wait_for(before, seen, seen.held_until, jitter)
    state = before
    if before.url != source.url:
        state = replace(
            before,
            url=source.url,
            validators=None,
            body_hash=None,
            moved_to=None,
            moved_days=0,
            gone=False,
            searched_at=None,
            alternative=None,
            alternative_how="",
        )
    good = seen.outcome in GOOD_OUTCOMES
    gone = seen.outcome == "gone"
    failures = 0 if good else state.failures + 1
    learned: dict[str, object] = _learn(state, seen) if good else {}
    if seen.feed is not None and learned:
        state, learned = replace(state, **learned), {}  # type: ignore[arg-type]  # its pace decides about the next poll
    chosen = cadence.decide_next(
        now=seen.now,
        interval=cadence.own_interval(source, state, seen.now),
        hints=cadence.hints_from(seen.result, state, seen.now),
        failures=failures,
        jitter=jitter,
        shortest=settings.min_interval,
        longest=settings.max_interval,
        gone=gone,
    )
    result = seen.result
    learned |= {"last_ok_at": seen.now} if good else {}
    learned |= _searched(state, seen, good=good)
    after = replace(
        state,
        **learned,  # type: ignore[arg-type]  # names are those of the fields
        gone=gone,
        next_poll_at=None if source.paused else chosen.at,
        next_poll_reason="paused in feeds.yaml" if source.paused else chosen.reason,
        last_poll_at=seen.now,
        last_outcome=seen.outcome,
        last_http_status=result.status if result else None,
        last_error=seen.error,
        last_bytes=result.wire_bytes if result else 0,
        last_seconds=seconds,
        last_new=0,
        last_updated=0,
        last_unchanged=0,
        failures=failures,
    )
    return after.turned(health_of(after, seen.now), seen.now, before.last_error)


def _searched(state: SourceState, seen: Seen, *, good: bool) -> dict[str, object]:
    """What is proposed in place of the source; nothing any more once it is well again."""
    if seen.search is not None:
        found = seen.search
        return {"searched_at": found.at, "alternative": found.url, "alternative_how": found.how}
    if good and state.alternative is not None and not is_quiet(state, seen.now):
        return {"alternative": None, "alternative_how": ""}
    return {}


def _wait_for(state: SourceState, seen: Seen, until: datetime, jitter: float) -> SourceState:
    """No request was made, so nothing was learned but when to try; not a failure of the source."""
    return replace(
        state,
        next_poll_at=until + timedelta(seconds=cadence.MINUTE * jitter),
        next_poll_reason=f"the host's Retry-After holds until {until:%Y-%m-%d %H:%M:%S} UTC",
        last_outcome=seen.outcome,
        last_error=seen.error,
    )


def _learn(state: SourceState, seen: Seen) -> dict[str, object]:
    """Take over what a good poll taught: validators, hashes, the pace of the source, and whether it has moved."""
    result, feed, now = seen.result, seen.feed, seen.now
    assert result is not None  # noqa: S101  # a good poll has a reply
    changes: dict[str, object] = {}
    if result.status != 304:
        changes["validators"] = validators_of(result) if seen.keep_validators else None
        changes["body_hash"] = seen.body_hash
    elif renewed := _renewed(state.validators, result):
        changes["validators"] = renewed
    if seen.full:
        changes["last_full_at"] = now
    if feed is not None:
        dates = [date for date in feed.dates if date <= now]
        info = feed.info
        changes |= {
            "entries_hash": feed.entries_hash,
            "newest_at": max(dates, default=state.newest_at),
            "gap": cadence.recent_gap(dates) or state.gap,
            "ttl": info.ttl,
            "skip_hours": info.skip_hours,
            "skip_days": info.skip_days,
        }
    changes |= _moved(state, seen)
    return changes


def _renewed(known: Validators | None, result: FetchResult) -> Validators | None:
    """A 304 may bring a newer ETag for the same document (RFC 9111 section 3.2, freshening)."""
    etag = result.header("etag")
    if known is None or not etag or etag == known.etag:
        return None
    return replace(known, etag=etag)


def _moved(state: SourceState, seen: Seen) -> dict[str, object]:
    """Count the days on which the source was seen to have moved; forget it when it no longer says so."""
    target = seen.moved_to
    if target is None and seen.feed is None and _still_says(state, seen):
        target = state.moved_to
    if target is None or target == state.url:
        return {"moved_to": None, "moved_since": None, "moved_days": 0} if state.moved_to else {}
    if target != state.moved_to:
        return {"moved_to": target, "moved_since": seen.now, "moved_days": 1}
    return {"moved_days": state.moved_days + 1} if is_another_day(state, seen.now) else {}


def _still_says(state: SourceState, seen: Seen) -> bool:
    """Whether an unchanged document named the new address itself (itunes:new-feed-url): it still does."""
    came_directly = state.validators is not None and state.validators.url == state.url
    return came_directly and seen.result is not None and not seen.result.redirects


def is_another_day(state: SourceState, now: datetime) -> bool:
    """Whether the last good poll was on another day (UTC)."""
    return state.last_ok_at is None or state.last_ok_at.date() != now.date()
