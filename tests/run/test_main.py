"""The frame of the command line."""

from __future__ import annotations

import pytest

from ketfeed import __version__
from ketfeed.cli.main import COMMANDS, options_first, run


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        (["status", "--data", "x"], ["--data", "x", "status"]),
        (["status", "--data=x", "--json"], ["--data=x", "status", "--json"]),
        (
            ["--config", "c", "poll", "a", "--log-format", "json"],
            ["--config", "c", "--log-format", "json", "poll", "a"],
        ),
        (["search", "--", "--data", "x"], ["search", "--", "--data", "x"]),
        (["status", "--data"], ["--data", "status"]),
        ([], []),
    ],
)
def test_options_every_command_knows_may_stand_anywhere(given: list[str], ordered: list[str]) -> None:
    assert options_first(given) == ordered


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"ketfeed {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["status", "--nonsense"], ["--data"], ["status", "extra"], ["--log-format", "xml", "status"]],
)
def test_wrong_usage_is_exit_code_two_and_says_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err


def test_the_manual_names_every_command_in_its_chapter(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert f" {command.name} " in out
        assert command.chapter in out


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_has_a_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"ketfeed {name}" in capsys.readouterr().out
