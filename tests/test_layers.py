"""The import table of docs/design.md as data: a room imports only from rooms above it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "ketfeed"

BASE = {"model", "errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "model": {"model"},
    "errors": BASE,
    "settings": BASE | {"settings"},
    "net": BASE | {"settings", "net"},
    "catalog": BASE | {"settings", "catalog"},
    "topics": BASE | {"settings", "topics"},
    "ingest": BASE | {"settings", "net", "catalog", "topics", "ingest"},
    "store": BASE | {"settings", "net", "catalog", "topics", "ingest", "store"},
    "publish": BASE | {"settings", "catalog", "topics", "store", "publish"},
    "run": BASE | {"settings", "net", "catalog", "topics", "ingest", "store", "publish", "run"},
    "web": BASE | {"settings", "catalog", "topics", "store", "publish", "web"},
    "cli": {"*"},
    "__main__": {"*"},
    "__init__": set(),
}
"""Room → the rooms it may import. ``publish`` and ``web`` stay away from the network and from parsing."""

ONLY_IN: dict[str, str | tuple[str, ...]] = {
    "httpx": "net/",
    "httpcore": "net/",
    "aiohttp": "net/",
    "socket": ("net/", "ingest/nursery.py"),  # the nursery is asked through a pair of them; nothing is reached
    "feedparser": "ingest/parse.py",
    "feedgen": "publish/xml.py",
    "apscheduler": "run/schedule.py",
    "sqlmodel": "store/",
    "sqlalchemy": "store/",
}
"""Library → the only place that imports it, so that replacing one is a local change."""


def _imports(path: Path) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            found += [
                (node.lineno, f"{module}.{alias.name}" if module == "ketfeed" else module) for alias in node.names
            ]
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    room = relative.parts[0].removesuffix(".py")
    for line, name in _imports(path):
        top, _, rest = name.partition(".")
        if top == "ketfeed" and rest not in ("", "__version__"):
            allowed = MAY_IMPORT[room]
            target = rest.split(".")[0]
            assert "*" in allowed or target in allowed, f"{relative}:{line}: {room} may not import {target}"
        elif top in ONLY_IN:
            home = ONLY_IN[top]
            assert str(relative).startswith(home), f"{relative}:{line}: {top} is imported in {home} only"


def test_every_room_of_the_table_is_there_and_every_room_is_in_the_table() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__pycache__"}
    assert rooms == set(MAY_IMPORT), "a room was added or removed: change this table and docs/design.md"


PART_OF = {"starlette": "fastapi", "click": "typer", "markupsafe": "jinja2"}
"""Library → the declared one whose interface is made of it."""


def test_every_library_that_is_imported_is_a_declared_dependency() -> None:
    """What only another library brings along may be gone with its next version, or from the container."""
    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[\[<>=~!; ]", line)[0].lower().replace("_", "-") for line in project["dependencies"]}
    owners = packages_distributions()
    for path in FILES:
        for line, name in _imports(path):
            top = name.partition(".")[0]
            if top == "ketfeed" or top in sys.stdlib_module_names:
                continue
            if top in PART_OF and PART_OF[top] in declared:
                continue
            found = {owner.lower().replace("_", "-") for owner in owners.get(top, [])}
            assert found & declared, f"{path.name}:{line}: {top} is not among the dependencies of pyproject.toml"


IDLE = (
    "feedparser", "lxml", "parsel", "nh3", "charset_normalizer", "httpx", "alembic", "sqlalchemy.dialects.postgresql",
    "feedgen", "brotli", "jinja2", "fastapi", "starlette", "uvicorn", "typer", "pygal",
    "apscheduler", "multiprocessing", "ketfeed.topics.match", "smtplib",
)  # fmt: skip
"""What polling has no use for, or not before its first post, migration, notice or change of rules; a single poll
(``ketfeed poll``) needs no schedule either."""


def test_the_web_process_loads_nothing_of_polling() -> None:
    program = "import sys, ketfeed.run.front, ketfeed.web.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ketfeed.web.app" in loaded
    assert not loaded & {"ketfeed.run.poll", "ketfeed.net.client", "ketfeed.ingest.sandbox", "httptools", "feedparser"}


def test_the_poller_loads_nothing_it_has_no_use_for() -> None:
    """Each of them would stay in memory for as long as the service runs: 2 to 15 MiB."""
    program = "import sys, ketfeed.run.service; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ketfeed.run.poll" in loaded
    assert not loaded & set(IDLE)
