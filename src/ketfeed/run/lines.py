"""What may be written on one line of a log or a terminal."""

from __future__ import annotations

ERROR_CHARACTERS = 300


def one_line(text: str, limit: int = ERROR_CHARACTERS) -> str:
    """A message fit for a log and a terminal: one line, control characters escaped ("\\n" → "\\\\n"), cut at ``limit``.

    Also escapes what reorders text on a screen (bidirectional controls) and lone surrogates.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
