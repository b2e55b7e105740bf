"""The door for people: one file per noun. ``ketfeed --help`` reads like a manual."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code: 0 done, 1 something failed, 2 wrong usage."""
    from ketfeed.cli.main import run

    raise SystemExit(run())
