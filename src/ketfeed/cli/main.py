"""The command line: which commands there are, in which chapter of the manual, and the options before them.

A command's module is imported when it is asked for, so that ``ketfeed status`` does not wait for a parser.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from ketfeed import __version__

MANUAL = """Follow many feeds about ketamine as medicine; publish one merged, attributed feed per topic.

**Run it:** `ketfeed serve` starts the service on http://127.0.0.1:8080 with the configuration in ./config.

**Change it:** edit `config/feeds.yaml` (whom we follow) and `config/topics.yaml` (what an entry is about), prove it
with `ketfeed check`; a running service takes a good file up within seconds.

**Look into it:** `ketfeed status` shows every source, `ketfeed search` what is stored, `ketfeed explain` why an entry
has its topics.

**Exit codes:** 0 done, 1 something asked for failed, 2 wrong usage or configuration. With `--json`, standard output is
JSON and nothing else. Every setting is also an environment variable, `KETFEED_…` (docs/operators.md).
"""

RUN, LOOK, EDIT, OUT = "Run the service", "Look into it", "Edit sources and rules", "Take it elsewhere"


@dataclass(frozen=True, slots=True)
class Command:
    """A command or group of commands: ``attribute`` of ``ketfeed.cli.module``, in a chapter of the manual."""

    name: str
    module: str
    attribute: str
    chapter: str


COMMANDS: tuple[Command, ...] = (
    Command("serve", "serve", "serve", RUN),
    Command("poller", "serve", "poller", RUN),
    Command("web", "serve", "web", RUN),
    Command("poll", "poll", "poll", RUN),
    Command("status", "status", "status", LOOK),
    Command("search", "search", "search", LOOK),
    Command("explain", "explain", "explain", LOOK),
    Command("preview", "preview", "preview", LOOK),
    Command("check", "check", "check", EDIT),
    Command("sources", "sources", "app", EDIT),
    Command("diff", "diff", "diff", EDIT),
    Command("discover", "discover", "discover", EDIT),
    Command("classify", "classify", "classify", EDIT),
    Command("topics", "topics", "app", EDIT),
    Command("edits", "edits", "app", EDIT),
    Command("renormalise", "renormalise", "renormalise", EDIT),
    Command("schema", "schema", "schema", EDIT),
    Command("report", "report", "report", OUT),
    Command("export", "export", "export", OUT),
    Command("backup", "backup", "backup", OUT),
)

GLOBAL_OPTIONS = ("--config", "--data", "--database-url", "--log-format")
"""Options that may stand anywhere on the command line; each takes a value."""


def build(only: str | None = None) -> typer.Typer:
    """The application, with one command (its name) or all of them."""
    app = typer.Typer(
        name="ketfeed",
        help=MANUAL,
        rich_markup_mode="markdown",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=only is None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    wanted = [command for command in COMMANDS if only in (None, command.name)]
    for command in wanted:
        found: Any = getattr(import_module(f"ketfeed.cli.{command.module}"), command.attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=command.name, rich_help_panel=command.chapter)
        else:
            app.command(command.name, rich_help_panel=command.chapter)(found)
    return app


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ketfeed {__version__}")
        raise typer.Exit


def _options(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(help="Folder with feeds.yaml and topics.yaml. [config]")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for the database. [data]")] = None,
    database_url: Annotated[str | None, typer.Option(help="SQLAlchemy address. [SQLite in the data folder]")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json. [console]")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    ctx.obj = {"config": config, "data": data, "database_url": database_url, "log_format": log_format}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (None: this process's) and return its exit code."""
    from ketfeed.errors import CatalogError, KetfeedError, UsageError

    ordered = options_first(sys.argv[1:] if arguments is None else arguments)
    terminated = _end_like_ctrl_c()
    try:
        build(only=_command_in(ordered))(args=ordered, prog_name="ketfeed", standalone_mode=True)
    except SystemExit as ended:  # typer turns Ctrl-C into code 130 by itself
        code = ended.code if isinstance(ended.code, int) else 1
        return 143 if code == 130 and terminated() else code
    except KetfeedError as error:
        # complaints begin with their file and line, so that editors and terminals can jump there
        prefix = "" if isinstance(error, CatalogError) else "ketfeed: "
        sys.stderr.write(f"{prefix}{error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 143 if terminated() else 130
    except BrokenPipeError:  # ``ketfeed search x | head``
        sys.stderr.close()
        return 1
    return 0


def _end_like_ctrl_c() -> Callable[[], bool]:
    """Let SIGTERM end a command the way Ctrl-C does, so that what it began is put away; tells whether it came.

    The service's processes set handlers of their own. Outside the main thread (tests) signals are left alone.
    """
    came: list[bool] = []

    def interrupt(_number: int, _frame: object) -> None:
        came.append(True)
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, interrupt)
    return lambda: bool(came)


def options_first(arguments: Sequence[str]) -> list[str]:
    """Move the options every command knows to the front: ``status --data x`` → ``--data x status``."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in GLOBAL_OPTIONS:
            front += [word, *(value for value in [next(words, None)] if value is not None)]
        elif word.partition("=")[0] in GLOBAL_OPTIONS:
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _command_in(arguments: Sequence[str]) -> str | None:
    """The command asked for, None when it is unknown or there is none (help is wanted)."""
    words = iter(arguments)
    for word in words:
        if word in GLOBAL_OPTIONS:
            next(words, None)
        elif not word.startswith("-"):
            return word if any(command.name == word for command in COMMANDS) else None
    return None
