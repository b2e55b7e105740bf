"""``ketfeed sources add`` on a terminal, as a person types it: in tmux, reading the screen between the keys."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.catalog.test_editors_guide import blog as blog  # a fixture
from tests.catalog.test_sources_commands import feeds, ketfeed
from tests.catalog.test_sources_commands import folder as folder  # a fixture

PATIENCE = 60.0  # seconds
SETTINGS = {"KETFEED_ALLOW_NETWORKS": "127.0.0.0/8", "KETFEED_HOST_INTERVAL": "0", "PS1": "editor$ "}


class Terminal:
    """A tmux server of its own with one shell in one window."""

    def __init__(self, folder: Path, columns: int, lines: int) -> None:
        self._socket = folder / "tmux"
        settings = [word for name, value in SETTINGS.items() for word in ("-e", f"{name}={value}")]
        size = ["-x", str(columns), "-y", str(lines)]
        self.tmux(
            "-f", "/dev/null", "new-session", "-d", *size, *settings, "-c", str(folder), "bash --norc --noprofile"
        )

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self._socket), *words]
        environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True).stdout

    def keys(self, text: str, *, enter: bool = True) -> None:
        self.tmux("send-keys", "-l", text)
        if enter:
            self.tmux("send-keys", "Enter")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-J")

    def sees(self, words: str, times: int = 1) -> str:
        """Wait until the screen shows these words so often; the screen."""
        end = time.monotonic() + PATIENCE
        while (screen := self.screen()).count(words) < times:
            assert time.monotonic() < end, f"never on the screen: {words}\n{screen}"
            threading.Event().wait(0.05)
        return screen

    def close(self) -> None:
        self.tmux("kill-server")


@pytest.fixture(params=[80, 120])
def terminal(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: tests/install.sh does")
    made = Terminal(folder, request.param, 60)
    yield made
    made.close()


def test_a_source_is_added_by_answering_questions(blog: str, folder: Path, terminal: Terminal) -> None:
    before = feeds(folder)
    terminal.keys(f"{shlex.quote(sys.executable)} -m ketfeed sources add {blog}/")
    screen = terminal.sees("Title (A Clinician's Blog):")
    assert "67 % of its 3 entries are relevant" in screen
    assert "ptsd" in screen
    terminal.keys("")
    terminal.sees("Id (a-clinicians-blog):")
    terminal.keys("psypost")
    terminal.sees("another source has this id")
    terminal.keys("clinicina", enter=False)
    terminal.tmux("send-keys", "BSpace", "BSpace")
    terminal.keys("an")
    terminal.sees("Kind (")
    terminal.keys("blog")
    terminal.sees("one of agency")
    terminal.keys("opinion")
    terminal.sees("Topics of every entry")
    terminal.keys("ptds")
    terminal.sees("no topic ptds")
    terminal.keys("")
    terminal.sees("Publish (full, summary, link)")
    terminal.keys("link")
    screen = terminal.sees("[y/N]:")
    assert "kind: opinion" in screen
    assert feeds(folder) == before  # nothing is written before the last yes
    terminal.keys("y")
    terminal.sees("added clinician in config/feeds.yaml:")
    terminal.keys("echo ended with $?")
    terminal.sees("ended with 0")
    added = Counter(feeds(folder).splitlines()) - Counter(before.splitlines())
    assert not Counter(before.splitlines()) - Counter(feeds(folder).splitlines())  # no other line has changed
    assert set(added) >= {
        "  - id: clinician",
        "    title: A Clinician's Blog",
        f"    feed: {blog}/feed.xml",
        "    kind: opinion",
        "    publish: link",
    }
    assert ketfeed(folder, "check")[0] == 0


def test_ctrl_c_and_a_no_leave_the_file_alone(blog: str, folder: Path, terminal: Terminal) -> None:
    before = feeds(folder)
    command = f"{shlex.quote(sys.executable)} -m ketfeed sources"
    terminal.keys(f"{command} add {blog}/; echo ended with $?")
    terminal.sees("Title (")
    terminal.tmux("send-keys", "C-c")
    terminal.sees("ended with 130")
    assert "Traceback" not in terminal.screen()
    terminal.keys(f"clear; {command} remove psypost; echo then with $?")
    terminal.sees("[y/N]:")
    terminal.keys("n")
    assert "nothing was changed" in terminal.sees("then with 1")
    assert feeds(folder) == before
