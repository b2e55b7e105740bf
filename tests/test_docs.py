"""The documents name everything a person can type: commands, settings, configuration keys and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

from ketfeed.catalog import schema
from ketfeed.cli.main import COMMANDS, build
from ketfeed.model import OUTCOMES
from ketfeed.settings import Settings

ROOT = Path(__file__).parents[1]
README, EDITORS, OPERATORS, DESIGN, GLOSSARY = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/editors.md", "docs/operators.md", "docs/design.md", "docs/glossary.md")
)
GUIDES = README + EDITORS + OPERATORS


def _children(command: Any) -> dict[str, Any]:  # noqa: ANN401  # typer's copy of click has no public types
    return dict(getattr(command, "commands", {}))


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:  # noqa: ANN401  # as above
    if not _children(command):
        yield " ".join(path)
    for name, child in _children(command).items():
        yield from _commands(child, (*path, name))


@pytest.mark.parametrize("command", sorted(_commands(typer.main.get_command(build()))))
def test_every_command_is_documented(command: str) -> None:
    assert f"ketfeed {command}" in GUIDES


def test_every_command_of_the_table_exists() -> None:
    assert {command.name for command in COMMANDS} == set(_children(typer.main.get_command(build())))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_for_operators(name: str) -> None:
    assert f"`KETFEED_{name.upper()}`" in OPERATORS


def test_operators_are_told_of_no_setting_that_is_not_there() -> None:
    known = {f"KETFEED_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"`(KETFEED_[A-Z_]+)`", README + OPERATORS)) <= known


def _keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


SHAPES = [value for value in vars(schema).values() if isinstance(value, type) and issubclass(value, schema.Strict)]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.__name__ for shape in SHAPES])
def test_every_configuration_key_is_documented_for_editors(shape: type[BaseModel]) -> None:
    missing = [key for key in _keys(shape) if not re.search(rf"`{key}:?`|^\s*(?:- )?\{{?{key}:", EDITORS, re.MULTILINE)]
    assert missing == []


def test_every_address_of_the_web_is_documented() -> None:
    source = (ROOT / "src" / "ketfeed" / "web" / "app.py").read_text(encoding="utf-8")
    routes = {route.rstrip("/") or "/" for route in re.findall(r'api_route\("([^"]+)"', source)}
    routes -= {"/feeds/{key:path}"}  # the pages beside the feeds; the feeds' own addresses are below
    forms = {"{topic}", "{slug}", "all", "kind/{kind}", "source/{id}", "story/{id}", "{topic}/daily", "{topic}/weekly",
             "{topic}/archive/{n}", "q"}  # fmt: skip
    wanted = {re.sub(r"\{\w+\}", "{", route) for route in routes | {f"/feeds/{form}" for form in forms}}
    told = {re.sub(r"\{\w+\}", "{", route) for route in re.findall(r"`(/[^`\s?]*?)(?:\.EXT)?(?:\?[^`]*)?`", GUIDES)}
    assert sorted(wanted - {route.rstrip("/") or "/" for route in told}) == []


def test_the_closed_list_of_outcomes_is_the_design_s() -> None:
    section = DESIGN.split("## Poll outcomes")[1].split("##")[0]
    assert set(OUTCOMES) <= set(re.findall(r"[a-z_]+", section))


def test_the_readme_shows_a_picture_that_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_no_document_names_a_place_of_one_machine() -> None:
    for path in ROOT.rglob("*.md"):
        if not {"node_modules", ".venv"} & set(path.parts):
            assert not re.search(r"/(?:root|home/\w+|work)/", path.read_text(encoding="utf-8")), path
