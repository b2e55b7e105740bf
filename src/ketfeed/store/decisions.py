"""What editors' decisions come to. Pure, but for one question.

Edits are append-only facts with who, when and why; they win over rules (docs/design.md, decision 16).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args

from sqlalchemy import Connection, select

from ketfeed.errors import UsageError
from ketfeed.model import ENTRY_KINDS, Edit, EditAction, EntryKind, Reason, Tagging, TopicMatch
from ketfeed.store.schema import EDIT
from ketfeed.store.times import from_us

ACTIONS: tuple[EditAction, ...] = get_args(EditAction)
NEEDS_VALUE: dict[str, str] = {
    "add-topic": "a topic", "remove-topic": "a topic", "set-kind": "a kind", "join": "the other entry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decided:
    """What all edits of one entry come to; the later edit wins over the earlier one about the same thing."""

    hidden: bool = False
    pinned: bool = False
    added: tuple[tuple[str, str], ...] = ()  # (topic, why), in the order decided
    removed: frozenset[str] = frozenset()
    kind: str | None = None
    split: bool = False
    join: str | None = None  # id of the entry whose story this one belongs to


UNDECIDED = Decided()


def decided(edits: Iterable[Edit]) -> Decided:
    """Fold edits, oldest first, into what holds now. Pure."""
    hidden = pinned = split = False
    kind = join = None
    added: dict[str, str] = {}
    removed: set[str] = set()
    for edit in edits:
        value = edit.value or ""
        match edit.action:
            case "hide" | "unhide":
                hidden = edit.action == "hide"
            case "pin" | "unpin":
                pinned = edit.action == "pin"
            case "add-topic":
                removed.discard(value)
                added[value] = edit.why
            case "remove-topic":
                added.pop(value, None)
                removed.add(value)
            case "set-kind":
                kind = value or None
            case "split":
                split, join = True, None
            case "join":
                split, join = False, value
    return Decided(hidden, pinned, tuple(added.items()), frozenset(removed), kind, split, join)


def overrule(tagging: Tagging, said: Decided) -> Tagging:
    """A tagging as it is after the editors' word. Pure. An added topic has the editor's why as its reason."""
    if said is UNDECIDED:
        return tagging
    given = {topic for topic, _ in said.added}
    matches = tuple(one for one in tagging.matches if one.topic not in said.removed and one.topic not in given)
    added = tuple(
        next(
            (one for one in tagging.matches if one.topic == topic),
            TopicMatch(topic=topic, reasons=(Reason(term=why, field="edit", start=0, text=why),), score=1.0),
        )
        for topic, why in said.added
    )
    kind: EntryKind = said.kind if said.kind is not None else tagging.kind  # type: ignore[assignment]  # checked by add
    reasons = ("an editor decided",) if said.kind is not None else tagging.kind_reasons
    return replace(tagging, matches=matches + added, kind=kind, kind_reasons=reasons)


def edits_of(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Edit]]:
    """All edits of some entries by entry number, oldest first."""
    found: dict[int, list[Edit]] = defaultdict(list)
    for start in range(0, len(numbers), 500):
        rows = connection.execute(
            select(EDIT).where(EDIT.c.entry.in_(numbers[start : start + 500])).order_by(EDIT.c.number)
        ).mappings()
        for row in rows:
            found[row["entry"]].append(edit_from(row))
    return found


def edit_from(row: Mapping[Any, Any]) -> Edit:
    return Edit(
        entry_id=row["entry_id"],
        action=row["action"],
        value=row["value"],
        by=row["by"],
        at=from_us(row["at"]),
        why=row["why"],
    )


def check_edit(edit: Edit) -> None:
    """Raises UsageError when an edit says nothing that can be done."""
    if edit.action not in ACTIONS:
        raise UsageError(f"{edit.action!r} is not an edit; write one of {', '.join(ACTIONS)}")
    if edit.action in NEEDS_VALUE and not edit.value:
        raise UsageError(f"{edit.action} needs {NEEDS_VALUE[edit.action]}")
    if edit.action == "set-kind" and edit.value not in ENTRY_KINDS:
        raise UsageError(f"{edit.value!r} is not a kind; write one of {', '.join(ENTRY_KINDS)}")
    if not edit.by.strip() or not edit.why.strip():
        raise UsageError("an edit says who decided it and why")


def edit_text(edit: Edit) -> dict[str, str]:
    """An edit as plain values, for YAML."""
    said = {"entry": edit.entry_id, "action": str(edit.action)}
    if edit.value is not None:
        said["value"] = edit.value
    return said | {"by": edit.by, "at": edit.at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "why": edit.why}


def edit_read(said: Mapping[str, Any], where: str) -> Edit:
    """The inverse of ``edit_text``. ``where`` names the place for a complaint. Raises UsageError."""
    needed = ("entry", "action", "by", "at", "why")
    missing = [key for key in needed if key not in said]
    if missing:
        raise UsageError(f"{where}: {', '.join(missing)} is missing")
    unknown = set(said) - {*needed, "value"}
    if unknown:
        raise UsageError(f"{where}: unknown key {min(map(str, unknown))!r}")
    try:
        at = said["at"]
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
        value = said.get("value")
        edit = Edit(
            entry_id=str(said["entry"]),
            action=said["action"],
            value=None if value is None else str(value),
            by=str(said["by"]),
            at=moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC),
            why=str(said["why"]),
        )
    except ValueError as error:
        raise UsageError(f"{where}: {error}; write a time like 2024-05-01T12:00:00Z") from error
    try:
        check_edit(edit)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    return edit
