"""What a test makes a child of the sandbox do; a module of its own, because the child imports it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def sleeps(_limits: object, _cpu: float) -> None:
    """Hang without using the processor."""
    time.sleep(60)


def burns(_limits: object, cpu: float) -> None:
    """Use the processor until the limit ends it."""
    from ketfeed.ingest.child import allow

    allow(cpu)
    while True:
        pass


def swells(_limits: object, _cpu: float) -> int:
    """Take memory until there is none."""
    return len(bytearray(2_000_000_000))


def dies(_limits: object, _cpu: float) -> None:
    """End as a crash in C does."""
    os.abort()


def fails(_limits: object, _cpu: float) -> None:
    """Be a bug."""
    raise ZeroDivisionError("oops")


def sockets(_limits: object, _cpu: float) -> list[str]:
    """Sockets to or from the network that this child can reach."""
    open_ones = {os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}  # noqa: PTH115
    inodes = {name.removeprefix("socket:[").removesuffix("]") for name in open_ones if name.startswith("socket:")}
    listed = [
        line.split() for name in ("tcp", "tcp6", "udp") for line in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    return [line[1] for line in listed if len(line) > 9 and line[9] in inodes]


def own_tagger(_limits: object, _cpu: float) -> bool:
    """Whether this child tags by a tagger of its own."""
    from ketfeed.ingest import child, nursery

    return nursery.shared is None or child._tagger is not nursery.shared[1]


def loaded(_limits: object, _cpu: float) -> set[str]:
    """The packages this child has loaded."""
    return {name.partition(".")[0] for name in sys.modules}


def echoes(what: T, _limits: object, _cpu: float) -> T:
    """Give back what was given."""
    return what


def raises(error: BaseException, _limits: object, _cpu: float) -> None:
    """Fail in a way of the test's choice."""
    raise error


def answers_what_cannot_be_told(_limits: object, _cpu: float) -> object:
    """A result that no pickle holds."""
    return lambda: None


def environment(_limits: object, _cpu: float) -> set[str]:
    """The variables this child sees."""
    return set(os.environ)


def own_id(_limits: object, _cpu: float) -> int:
    """The process id of this child."""
    return os.getpid()


def parent(_limits: object, _cpu: float) -> int:
    """The process that forked it."""
    return os.getppid()
