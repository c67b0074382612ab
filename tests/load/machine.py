"""What the figures were measured on, and how much memory the product's processes hold."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg

from gateway.rasa_process import RASA_VENV
from gateway.settings import ROOT
from tests.support.stack import Stack


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of one part: resident (shared pages counted in every process) and proportional (counted once)."""

    part: str
    rss_mb: float
    pss_mb: float


def describe(command: str) -> list[tuple[str, str]]:
    """Facts about this machine and this run."""
    memory_gb = psutil.virtual_memory().total / 1024**3
    one, five, _ = os.getloadavg()
    return [
        ("Command", f"`{command}`"),
        ("Date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("Commit", _commit()),
        ("CPU", f"{_cpu()}, {len(os.sched_getaffinity(0))} cores"),
        ("Memory", f"{memory_gb:.0f} GB"),
        ("System", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("Python", f"{platform.python_version()}; Rasa's {_rasa_python()}"),
        ("Load at the start", f"{one:.1f} over one minute, {five:.1f} over five"),
    ]


def _commit() -> str:
    short = _say(["git", "rev-parse", "--short=10", "HEAD"]) or "unknown"
    changed = [
        line for line in _say(["git", "status", "--porcelain"]).splitlines() if "docs/figures.md" not in line
    ]
    return f"{short} with uncommitted changes" if changed else short


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.processor() or "unknown"


def _rasa_python() -> str:
    return _say([str(RASA_VENV / "bin" / "python"), "--version"]).removeprefix("Python ") or "unknown"


def _say(command: list[str]) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def memory(stack: Stack) -> list[Memory]:
    """What gateway, Rasa, PostgreSQL and the supervisor hold now, each with its child processes."""
    with psycopg.connect(stack.database_url) as connection:
        backend = psutil.Process(connection.info.backend_pid)
        postmaster = backend.parent()
        postgres = _family(postmaster.pid) if postmaster else []
        postgres = [process for process in postgres if process.pid != backend.pid]
        return [
            _sum("gateway", _family(stack.child_pid("gateway"))),
            _sum("Rasa", _family(stack.child_pid("rasa"))),
            _sum("PostgreSQL", postgres),
            _sum("supervisor", [psutil.Process(int(stack.state["pid"]))]),
        ]


def _family(pid: int) -> list[psutil.Process]:
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def _sum(part: str, processes: Iterable[psutil.Process]) -> Memory:
    rss = pss = 0
    for process in processes:
        try:
            held = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        rss += held.rss
        pss += getattr(held, "pss", held.rss)
    return Memory(part, rss / 1024**2, pss / 1024**2)
