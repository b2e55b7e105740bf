"""``ketfeed check``: complaints with places, exit codes, formats, proved examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ketfeed.catalog.schema import json_schema
from ketfeed.cli.main import run

ROOT = Path(__file__).parents[2]
FEEDS = "sources:\n  - {id: a, feed: https://a.org/f, topics: []}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "feeds.yaml").write_text(FEEDS, encoding="utf-8")
    (tmp_path / "topics.yaml").write_text("topics:\n  - {id: ptsd, terms: [ptsd]}\n", encoding="utf-8")
    return tmp_path


def test_the_shipped_configuration_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--config", str(ROOT / "config")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "0 errors, 0 warnings" in said.err


def test_warnings_alone_exit_with_zero(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds.yaml").write_text("sources:\n  - {id: a, feed: https://a.org/f}\n", encoding="utf-8")
    assert run(["check", "--config", str(folder)]) == 0
    assert "warning" in capsys.readouterr().out


def test_an_error_exits_with_two_and_says_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds.yaml").write_text(FEEDS + "  - {id: a, feed: https://b.org/f, topics: []}\n", encoding="utf-8")
    assert run(["check", "--config", str(folder)]) == 2
    assert f"{folder / 'feeds.yaml'}:3:10: sources[1].id" in capsys.readouterr().out


def test_a_failed_example_is_an_error_at_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topics = (
        "topics:\n  - id: ptsd\n    terms: [ptsd]\n"
        "    matches:\n      - Veterans with PTSD\n      - Nothing of the sort\n"
        "    not:\n      - PTSD all the same\n"
    )
    (folder / "topics.yaml").write_text(topics, encoding="utf-8")
    assert run(["check", "--config", str(folder), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [(one["line"], one["key"]) for one in found["complaints"]] == [
        (6, "topics[0].matches[1]"),
        (8, "topics[0].not[0]"),
    ]
    assert found["online"] is None


def test_github_annotations_are_one_line_each_and_escaped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "feeds.yaml").write_text("sources:\n  - {id: '100%', feed: https://a.org/f}\n", encoding="utf-8")
    assert run(["check", "--config", str(folder), "--format", "github"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert any(",line=2,col=10::" in line and "100%25" in line for line in lines)


@pytest.mark.parametrize("which", ["feeds", "topics"])
def test_the_shipped_schema_is_the_printed_one_and_is_named_in_the_file(
    which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", which]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == json_schema("feeds" if which == "feeds" else "topics")
    assert (ROOT / "config" / f"{which}.schema.json").read_text(encoding="utf-8") == printed
    first = (ROOT / "config" / f"{which}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={which}.schema.json"


def test_a_private_address_that_the_operator_allows_is_no_warning(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "feeds.yaml").write_text(
        "sources:\n  - {id: a, feed: 'http://127.0.0.2:9/f', topics: []}\n", encoding="utf-8"
    )
    assert run(["check", "--config", str(folder)]) == 0
    assert "blocked_address" in capsys.readouterr().out
    monkeypatch.setenv("KETFEED_ALLOW_NETWORKS", "127.0.0.0/8")
    assert run(["check", "--config", str(folder)]) == 0
    assert capsys.readouterr().out == ""


def test_credentials_without_their_variable_are_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = FEEDS.replace("topics: []", "topics: [], auth: {bearer_env: LAB_TOKEN}")
    (folder / "feeds.yaml").write_text(feeds, encoding="utf-8")
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    assert run(["check", "--config", str(folder)]) == 0
    assert "LAB_TOKEN is not set" in capsys.readouterr().out
    monkeypatch.setenv("LAB_TOKEN", "made-up")
    assert run(["check", "--config", str(folder)]) == 0
    assert capsys.readouterr().out == ""
