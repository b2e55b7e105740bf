"""feeds.yaml as the commands under ``ketfeed sources`` change it: read, cut, show the difference, write."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape

from ketfeed.catalog.disk import read_text, write_file
from ketfeed.catalog.load import load_catalog
from ketfeed.catalog.schema import FEEDS, TOPICS
from ketfeed.cli.common import err
from ketfeed.errors import CatalogError, UsageError
from ketfeed.model import Catalog, Source
from ketfeed.settings import Settings
from ketfeed.store.db import Store

EMPTY = "# yaml-language-server: $schema=feeds.schema.json\nsources: []\n"
"""What a first source is added to when there is no file yet."""


@dataclass(frozen=True, slots=True)
class FeedsFile:
    """The file as it was read; ``write`` refuses when somebody changed it since."""

    path: Path
    topics: Path
    raw: bytes
    text: str
    catalog: Catalog  # without sources when the file is new or has none yet

    def write(self, after: str) -> None:
        """Replace the file by a changed text. Raises FileChanged, CatalogError, UsageError; then it is as it was."""
        is_new = not self.raw and not self.path.exists()
        if is_new:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
        try:
            write_file(self.path, self.raw, after, self.topics)
        except UsageError:
            if is_new:
                self.path.unlink(missing_ok=True)
            raise

    def source(self, source_id: str) -> Source:
        """A source by its id. Raises UsageError with the nearest ids."""
        for source in self.catalog.sources:
            if source.id == source_id:
                return source
        close = difflib.get_close_matches(source_id, [source.id for source in self.catalog.sources], n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "`ketfeed sources list` shows all"
        raise UsageError(f"no source has the id {source_id}: {hint}")


def open_feeds(settings: Settings, *, may_be_empty: bool = False) -> FeedsFile:
    """Read feeds.yaml for a change. ``may_be_empty``: a missing file or one without sources will do.

    Raises CatalogError when the files have errors: those are mended first.
    """
    path, topics = settings.config / FEEDS, settings.config / TOPICS
    loaded = load_catalog(settings.config)
    if loaded.catalog is not None:
        raw, text = read_text(path)
        return FeedsFile(path, topics, raw, text, loaded.catalog)
    if may_be_empty and not path.exists():
        return FeedsFile(path, topics, b"", EMPTY, Catalog())
    others = [one for one in loaded.errors if one.key != "sources"]
    if may_be_empty and not others:
        raw, text = read_text(path)
        return FeedsFile(path, topics, raw, text, Catalog())
    raise CatalogError(loaded.errors)


def change(settings: Settings, source_id: str, cut: Callable[[str], str], *, quiet: bool = False) -> bool:
    """Change the file for one source and show the changed lines; False when nothing had to change."""
    file = open_feeds(settings)
    file.source(source_id)
    after = cut(file.text)
    if after == file.text:
        return False
    file.write(after)
    if not quiet:
        show_difference(file.path, file.text, after)
    return True


def show_difference(path: Path, before: str, after: str) -> None:
    """The changed lines with their number in the new file, on standard error."""
    old, new = before.splitlines(), after.splitlines()
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        err.print(f"[cyan]{escape(str(path))}:{new_start + 1}[/]", highlight=False, soft_wrap=True)
        for line in old[start:end]:
            err.print(f"[red]-{escape(line)}[/]", highlight=False, soft_wrap=True)
        for line in new[new_start:new_end]:
            err.print(f"[green]+{escape(line)}[/]", highlight=False, soft_wrap=True)


def line_of(text: str, source_id: str) -> int:
    """The line a source begins in, from 1."""
    from ketfeed.catalog.marks import read_marked

    marked = read_marked(FEEDS, text.encode())
    listed = marked.data.get("sources") if isinstance(marked.data, dict) else None
    for index, item in enumerate(listed or []):
        if isinstance(item, dict) and item.get("id") == source_id:
            return marked.place(("sources", index)).line
    return 1


def on_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agree(question: str, *, yes: bool) -> None:
    """Ask on a terminal; ``yes``: agreed beforehand. Raises Exit(1) on a no, UsageError where nobody can be asked."""
    if yes:
        return
    if not on_terminal():
        raise UsageError(f"{question} Nobody can be asked here: say --yes")
    if not typer.confirm(question, err=True):
        err.print("nothing was changed")
        raise typer.Exit(1)


@contextmanager
def store_if_there(settings: Settings) -> Iterator[Store | None]:
    """The store when there is one: the editors' commands work on a machine that never polled anything."""
    database = settings.database
    there = not database.startswith("sqlite:///") or Path(database.removeprefix("sqlite:///")).exists()
    if not there:
        yield None
        return
    store = Store.open(database)
    try:
        yield store
    finally:
        store.close()
