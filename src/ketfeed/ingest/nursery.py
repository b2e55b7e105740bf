"""A process of its own that has loaded the parser and nothing else, and forks a child from it whenever asked.

    poller ═ control ═▶ nursery: modules, Tagger, gc.freeze ─ fork ─▶ child   shares all of it
              fds of                    │ reaps, tells how it ended
           three pipes ◀─── status ─────┘ leaves when nobody asked for a while; then the poller reaps

Starting a child so takes milliseconds, it inherits no socket, no lock and no secret of the poller's, and the pages of
what is loaded are shared: a collection of the garbage writes into every object it looks at, and a written page is no
longer shared; without the freeze each child had 12 MiB more of its own, and 12 more for a tagger.

It is wanted when a child is, so for a moment in hours, and holds 20 MiB: it leaves its children to the poller, and
another one is started, in half a second, for the next child. Where children end often, it stays.

``multiprocessing`` has a fork server too. This one has no resource tracker beside it (7 MiB), does not run the
program's main module once more, and takes a child's pipes as they are.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ketfeed.ingest import child

if TYPE_CHECKING:
    from ketfeed.topics.match import Tagger

LOADED = ("ketfeed.ingest.normalise", "ketfeed.ingest.article", "ketfeed.ingest.links", "ketfeed.topics.match")
"""Modules of the nursery; all the parser uses must be among them or imported by them: a lazy import would fail under a
child's address-space limit."""

KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "TZ")
"""What the parser may know of the poller's environment, which holds the credentials of sources."""

START = "import sys; sys.path[:] = {path!r}; from ketfeed.ingest.nursery import serve; serve({fd})"
FORK, DESCRIPTORS = b"f", 3  # a request: one byte, with the ends of the child's pipes

STAY = 0.3  # seconds without a request after which a nursery leaves
STAY_LONGER = 30.0  # the same of one that was needed again soon
SOON = 60.0  # seconds after the start of the one before
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # Linux, prctl.h

# ---------------------------------------------------------------- in the poller's process


class Nursery:
    """The process, from outside. ``modules``: loaded beside LOADED. Raises OSError when it cannot be started.

    stay: seconds without a request after which it leaves; None: never.
    """

    def __init__(self, rules: bytes | None, modules: Sequence[str], stay: float | None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-c", START.format(path=sys.path, fd=theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
            )
        self._control = ours
        first = pickle.dumps((rules, [*LOADED, *modules], stay))
        try:
            ours.sendall(child.LENGTH.pack(len(first)) + first)
        except OSError:
            self.close()
            raise

    def fork(self, tasks: int, answers: int, status: int) -> None:
        """Ask for a child that takes tasks, gives answers and, when it has ended, has its exit status (four bytes)
        written to ``status``; descriptors, to be closed here afterwards. Raises OSError when the nursery has ended."""
        socket.send_fds(self._control, [FORK], [tasks, answers, status])

    def has_ended(self) -> bool:
        """Whether it has left, was killed, or could not load what it should. Asking lets the system forget it."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it, and with it the children it has."""
        self._control.close()
        self._process.wait()


_nursery: Nursery | None = None
_started = float("-inf")  # monotonic seconds
_one_starts = threading.Lock()


def nursery(rules: bytes | None, modules: Sequence[str]) -> Nursery:
    """The nursery of this process, as it was first asked for; starts it if there is none. Raises OSError."""
    global _nursery, _started
    with _one_starts:
        if _nursery is not None and _nursery.has_ended():
            _nursery.close()
            _nursery = None
        if _nursery is None:
            before, _started = _started, time.monotonic()
            stay = STAY_LONGER if _started - before < SOON else STAY
            _nursery = Nursery(rules, modules, stay if _prctl(PR_SET_CHILD_SUBREAPER, 1) else None)
        return _nursery


_not_ours_yet: set[int] = set()


def reap(pid: int) -> int | None:
    """How a child has ended that its nursery left to us, as of subprocess; None: nobody knows.

    A nursery that is just leaving is still its parent; then it is asked for once more with the next one.
    """
    for late in list(_not_ours_yet):
        _not_ours_yet.discard(late)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(late, os.WNOHANG)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        _not_ours_yet.add(pid)
        return None


def _prctl(option: int, value: int) -> bool:
    """Whether the system did it; only Linux does."""
    try:
        done: int = ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return False
    return done == 0


def end_with_parent() -> None:
    """Let this process be killed as soon as its parent ends, whatever it is at."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@atexit.register
def close() -> None:
    """End this process's nursery; the next to ask starts another one."""
    global _nursery
    with _one_starts:
        if _nursery is not None:
            _nursery.close()
            _nursery = None


# ---------------------------------------------------------------- in the process itself

shared: tuple[bytes, Tagger] | None = None
"""Pickled rules and the tagger by them, of the nursery and so of every child."""


def tagger_of(pickled: bytes) -> Tagger:
    """A tagger by these rules (a pickled RuleSet): the shared one if it is of the same."""
    from ketfeed.topics.match import Tagger

    if shared is not None and shared[0] == pickled:
        return shared[1]
    return Tagger(pickle.loads(pickled))  # noqa: S301  # our own poller wrote it


def serve(control: int) -> None:
    """Fork a child for every request until the poller closes ``control`` (a socket's descriptor), or asks no more."""
    global shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the poller's to handle
    with socket.socket(fileno=control) as requests:
        rules, modules, stay = pickle.loads(child.receive(control))  # noqa: S301  # our own poller wrote it
        for module in modules:
            importlib.import_module(module)
        if rules is not None:
            shared = rules, tagger_of(rules)
        gc.collect()
        gc.freeze()
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        children: dict[int, int] = {}  # process id → where its end is told
        events = select.poll()  # select() knows no descriptor above 1,023, and ours is the poller's
        events.register(control, select.POLLIN)
        events.register(woken, select.POLLIN)
        patience: float | None = None  # milliseconds; the first request has all the time
        while True:
            ready = {descriptor for descriptor, _ in events.poll(patience)}
            if not ready:
                _reap(children)
                os._exit(0)
            if woken in ready:
                os.read(woken, 4096)
                _reap(children)
            if control in ready:
                asked, pipes, _, _ = socket.recv_fds(requests, 1, DESCRIPTORS)
                if not asked:
                    break
                _fork(pipes, children, [control, woken, wake])
                patience = None if stay is None else stay * 1000
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    while children:
        _reap(children, block=True)


def _fork(pipes: Sequence[int], children: dict[int, int], not_its_own: Sequence[int]) -> None:
    tasks, answers, status = pipes
    try:
        pid = os.fork()
    except OSError:  # no process or memory is left; the end of ``status`` tells
        for descriptor in pipes:
            os.close(descriptor)
        return
    if pid:
        children[pid] = status
        os.close(tasks)
        os.close(answers)
        return
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (*not_its_own, status, *children.values()):
            os.close(descriptor)
        child.live(tasks, answers)
        code = 0
    except BrokenPipeError:  # the poller has lost interest
        code = 0
    except BaseException:  # noqa: BLE001  # a bug of ours; its child ends, and the poller says so
        traceback.print_exc()
    finally:
        os._exit(code)


def _reap(children: dict[int, int], *, block: bool = False) -> None:
    """Tell of every child that has ended how it did."""
    while children:
        pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
        if pid == 0:
            return
        descriptor = children.pop(pid)
        with contextlib.suppress(OSError):  # the poller has lost interest
            os.write(descriptor, os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
        os.close(descriptor)
