"""Where a text stops being YAML, in an editor's words: the line to mend, not the one where the reader gave up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

Fault = tuple[int, int, str, str]
"""Line and column from 1, what is wrong, what to write."""

MAX_DEPTH = 40
OPEN_QUOTE = re.compile(r"""^ *(?:- +)?(?:[\w-]+: +)?(["'])""")
DIRECTIVE = ("a YAML directive", "remove this line: ketfeed reads YAML 1.2")


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def too_deep(text: str) -> tuple[int, int]:
    """Where a text first nests more deeply than it may."""
    depth = 0
    with suppress(YAMLError):
        for token in YAML(typ="rt", pure=True).scan(text):
            if token.id in ("[", "{", "<block mapping start>", "<block sequence start>"):
                depth += 1
            elif token.id in ("]", "}", "<block end>"):
                depth -= 1
            if depth > MAX_DEPTH:
                return token.start_mark.line + 1, token.start_mark.column + 1
    return 1, 1


def locate(error: YAMLError, text: str) -> Fault:
    """One complaint for text that is not YAML, at the line to mend rather than where the reader gave up."""
    if isinstance(error, ReaderError):
        line, column = position(text, error.position)
        return line, column, f"a control character (U+{ord(text[error.position]):04X})", "remove it"
    if not isinstance(error, MarkedYAMLError):
        return 1, 1, str(error).splitlines()[0], "see https://yaml.org/spec/1.2.2/"
    problem = str(error.problem or "not YAML")
    context = str(error.context or "")
    mark = error.problem_mark or error.context_mark
    if error.context_mark is not None and any(part in context for part in ("quoted scalar", "flow", "simple key")):
        mark = error.context_mark  # where the quote or bracket was opened: that line wants mending
    line = (mark.line if mark is not None else 0) + 1
    column = (mark.column if mark is not None else 0) + 1
    lines = text.splitlines()
    opened = _open_bracket(text) if "flow" in context or "flow" in problem else None
    swallowed = _quote_over_lines(text, line)
    if swallowed is not None and "quoted scalar" not in context:
        line, column = swallowed
        problem, context = "found unexpected end of stream", "quoted scalar"
    elif opened is not None:
        line, column, bracket = opened
        context = "flow sequence" if bracket == "[" else "flow mapping"
    elif "mapping values are not allowed" in problem:
        colonless = _line_without_colon(lines, line)
        if colonless is not None:
            line, column, problem = colonless, 1, "could not find expected ':'"
    line = min(line, max(len(lines), 1))
    if "another document" in problem:
        line, column = next((at for at in range(line, 0, -1) if lines[at - 1].startswith(("---", "..."))), line), 1
    elif (directive := next((at for at in (line, line - 1) if lines[at - 1 : at] and lines[at - 1][:1] == "%"), 0)) > 0:
        return directive, 1, *DIRECTIVE
    shown = lines[line - 1] if lines else ""
    problem, advice = _explain(problem, context, shown)
    return line, column, problem, advice


def _open_bracket(text: str) -> tuple[int, int, str] | None:
    """Line, column and kind of the innermost bracket that is open where the text stops being YAML."""
    stack: list[tuple[int, int, str]] = []
    with suppress(YAMLError):
        for token in YAML(typ="rt", pure=True).scan(text):
            if token.id in ("[", "{"):
                stack.append((token.start_mark.line + 1, token.start_mark.column + 1, token.id))
            elif token.id in ("]", "}") and stack:
                stack.pop()
    return stack[-1] if stack else None


def _quote_over_lines(text: str, line: int) -> tuple[int, int] | None:
    """Where a quoted text begins that goes on over lines up to about ``line``: it was not closed where it should be."""
    found = None
    with suppress(YAMLError):
        for token in YAML(typ="rt", pure=True).scan(text):
            is_quoted = token.id == "<scalar>" and token.style in ("'", '"')
            if is_quoted and token.end_mark.line > token.start_mark.line and -1 <= line - token.end_mark.line - 1 <= 6:
                found = (token.start_mark.line + 1, token.start_mark.column + 1)
    return found or _open_quote(text.splitlines(), line)


def _open_quote(lines: Sequence[str], number: int) -> tuple[int, int] | None:
    """The nearest value above line ``number`` that begins with a quote and has no second one in its line."""
    for above in range(min(number, len(lines)) - 1, 0, -1):
        line = lines[above - 1]
        opened = OPEN_QUOTE.match(line)
        if opened and line.count(opened.group(1)) == 1:
            return above, opened.start(1) + 1
        if '"' in line and not opened:
            break  # whatever is wrong, the quotes above were closed by then
    return None


def _line_without_colon(lines: Sequence[str], number: int) -> int | None:
    """The line above ``number`` when it is a key that lost its colon: as far to the right, and without one."""

    def key_column(line: str) -> int:
        stripped = line.lstrip(" ")
        rest = stripped[1:].lstrip(" ") if stripped.startswith("- ") else stripped
        return len(line) - len(rest)

    for above in range(number - 1, 0, -1):
        line = lines[above - 1]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        is_key = ": " not in line and not line.rstrip().endswith(":")
        outer = key_column(line) < key_column(lines[number - 1]) and not line.lstrip().startswith("-")
        return above if is_key and (key_column(line) == key_column(lines[number - 1]) or outer) else None
    return None


def _explain(problem: str, context: str, line: str) -> tuple[str, str]:
    indent = line[: len(line) - len(line.lstrip())]
    if "\\t" in problem or "\t" in indent:
        return "a tab where YAML wants spaces", "indent with spaces"
    if "another document" in problem or line.startswith("---"):
        return "a second document begins (--- or ...)", "keep one document per file: remove the line"
    if "quoted scalar" in context:
        if "unexpected end of stream" in problem or "document separator" in problem:
            return "a quote is opened and not closed", "close it on the same line"
        return problem, 'inside "…" write \\\\ for a backslash, or use single quotes'
    if "flow sequence" in context:
        return "a [ is opened and the list does not end well", "write items with commas and close with ]"
    if "flow mapping" in context:
        return "a { is opened and the mapping does not end well", "write pairs with commas and close with }"
    if "mapping values are not allowed" in problem:
        return "a colon where none can be", 'check the indentation, or put the text in quotes: "a: b"'
    if "cannot start any token" in problem:
        return problem.replace("found ", ""), "put the text in quotes"
    if "could not find expected ':'" in problem:
        return "a key without a colon", "write key: value"
    if "undefined alias" in problem:
        return problem.replace("found ", ""), "define it before with &, or put text beginning with * in quotes"
    if "expected <block end>" in problem:
        return "this line does not fit the indentation of the lines above", "line it up with its neighbours"
    return (f"{context}: {problem}" if context else problem), "check indentation, quotes and colons around this line"
