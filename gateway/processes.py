"""Small tools around child processes: dying with the parent, log files, ports, one instance a folder."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOG_MAX_BYTES = 50 * 1024 * 1024
LOG_KEPT = 3
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child between fork and exec must not touch the loader.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AlreadyRunningError(RuntimeError):
    """Another process holds the lock; ``pid`` is its number where known."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"held by {pid}")
        self.pid = pid


def die_with_parent() -> Callable[[], None]:
    """A ``preexec_fn`` after which the kernel kills the child as soon as its parent is gone."""
    parent = os.getpid()

    def ask_kernel() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return ask_kernel


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Send ``number`` to the process group led by ``pid``; false when nobody is left in it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def is_alive(pid: int) -> bool:
    """Whether a process of this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen on ``host:port`` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def fetch(url: str, timeout_s: float) -> tuple[int, str]:
    """Status and first 4,000 bytes of a local page, past any proxy; status 0 and the reason when nobody answers."""
    try:
        with _DIRECT.open(url, timeout=timeout_s) as answer:
            return answer.status, answer.read(4000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(4000).decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a log file; empty when it cannot be read."""
    try:
        with path.open("rb") as handle:
            handle.seek(0, os.SEEK_END)
            handle.seek(max(0, handle.tell() - 400 * lines))
            return "\n".join(handle.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def rotate(path: Path) -> None:
    """Move ``x.log`` to ``x.log.1`` and so on; the oldest goes."""
    if not path.exists() or path.stat().st_size == 0:
        return
    for number in range(LOG_KEPT, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if newer.exists():
            newer.replace(older)


def shorten(path: Path) -> None:
    """Copy a grown log aside and empty it in place: the process writing it appends and never notices."""
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


@contextmanager
def single_instance(lock: Path, patience_s: float = 15, *, announce: bool = True) -> Iterator[None]:
    """Hold ``lock`` for as long as the block runs.

    A holder that did not ``announce`` its number is brief and is waited for; any other living one is not.

    Raises:
        AlreadyRunningError: a living process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with lock.open("a+") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                handle.seek(0)
                text = handle.read().strip()
                holder = int(text) if text.isdigit() else None
                if (holder is not None and is_alive(holder)) or time.monotonic() > deadline:
                    raise AlreadyRunningError(holder) from None
                time.sleep(0.2)
        handle.truncate(0)
        if announce:
            handle.write(str(os.getpid()))
            handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)
