"""docs/editors.md is true: its commands run in their order, and what it shows is what they print."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "editors.md"
SITE = "https://blog.example.org"  # of the guide; here a server on the loopback interface

PAGE = (
    b'<!doctype html><title>Blog</title><link rel="alternate" type="application/rss+xml" '
    b'title="A Clinician&#39;s Blog" href="/feed.xml">'
)
ENTRIES = (
    (
        "three",
        "Single ketamine infusion for PTSD: a randomised trial",
        "A randomised, placebo-controlled trial in 41 patients.",
    ),
    ("two", "Esketamine nasal spray and suicidal thoughts", "What the new study of patients with depression adds."),
    ("one", "Our office is closed on Monday", "Public holiday."),
)


def feed() -> bytes:
    now = datetime.now(UTC)
    items = "".join(
        f"<item><guid isPermaLink='false'>{name}</guid><title>{title}</title><link>SITE/{name}</link>"
        f"<description>{text}</description><pubDate>{format_datetime(now - timedelta(hours=number))}</pubDate></item>"
        for number, (name, title, text) in enumerate(ENTRIES)
    )
    head = "<title>A Clinician's Blog</title><link>SITE/</link><description>Notes.</description>"
    return f"<rss version='2.0'><channel>{head}{items}</channel></rss>".encode()


class Blog(BaseHTTPRequestHandler):
    """One page that names its feed, and the feed."""

    def do_GET(self) -> None:
        body = {"/": PAGE, "/feed.xml": feed()}.get(self.path)
        here = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[index]  # always an address and a port
        content = (body or b"nothing here").replace(b"SITE", here.encode())
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "application/rss+xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def blog() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blog)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def blocks() -> list[tuple[str, list[str]]]:
    """Each ``$ command`` of the console blocks with the lines shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() and found:
                found[-1][1].append(line.strip())
    return found


def run(command: str, folder: Path) -> tuple[int, str]:
    """A command of the guide in the editor's folder; its exit code and all it said."""
    words = shlex.split(command, comments=True)
    assert words[0] in ("ketfeed", "cp", "sed", "echo"), command
    if words[0] == "echo":
        text, arrow, name = words[1:]
        assert arrow == ">"
        (folder / name).write_text(f"{text}\n")
        return 0, ""
    if words[0] == "ketfeed":
        words[:1] = [sys.executable, "-m", "ketfeed"]
    environment = {
        **os.environ, "KETFEED_ALLOW_NETWORKS": "127.0.0.0/8", "KETFEED_HOST_INTERVAL": "0", "COLUMNS": "110",
        "NO_COLOR": "1", "KETFEED_LOG_FORMAT": "json",
    }  # fmt: skip
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[╭╮╰╯│─]", " ", text)).strip()


def test_every_command_of_the_guide_works_and_shows_what_the_guide_shows(blog: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    commands = blocks()
    assert len(commands) >= 12
    for command, shown in commands:
        code, said = run(command.replace(SITE, blog), tmp_path)
        said = said.replace(blog, SITE).replace("http://127.0.0.1", SITE)
        assert code == (1 if "# exit code 1" in command else 2 if "# exit code 2" in command else 0), (
            f"{command}\n{said}"
        )
        for line in shown:
            if line == "…":
                continue
            pattern = re.escape(folded(line)).replace("…", ".*?")
            assert re.search(pattern, folded(said), re.DOTALL), f"$ {command}\nwants: {line}\n{said}"
