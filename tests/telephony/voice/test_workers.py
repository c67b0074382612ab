from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telephony.voice.base import VoiceError
from telephony.voice.workers import Patience, Urgency, Workers

pytestmark = pytest.mark.unit

FAST = Patience(start=20, job=20, whole=30, first_pause=0.01, longest_pause=0.04)


@asynccontextmanager
async def workers(
    folder: Path, kind: str = "good", count: int = 1, patience: Patience = FAST
) -> AsyncIterator[Workers]:
    made = Workers((kind, str(folder)), count, patience, module="tests.telephony.voice.fake_worker")
    try:
        yield made
    finally:
        await made.close()


async def render(pool: Workers, words: str, urgency: Urgency = Urgency.NOW) -> str:
    return (await pool.render({"words": words}, urgency)).decode()


def gate(folder: Path) -> Path:
    path = folder / "gate"
    os.mkfifo(path)
    return path


async def until(true: Callable[[], bool]) -> None:
    """Another process cannot set an event of ours."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


async def entered(folder: Path, words: str) -> None:
    await until((folder / f"{words}.entered").exists)


async def open_gate(path: Path) -> None:
    await asyncio.to_thread(path.write_text, "go")


async def test_jobs_come_back_to_those_who_asked(tmp_path: Path) -> None:
    async with workers(tmp_path, count=2) as pool:
        await pool.start()
        wanted = [str(number) for number in range(20)]
        assert await asyncio.gather(*(render(pool, words) for words in wanted)) == wanted


async def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    path = gate(tmp_path)
    async with workers(tmp_path) as pool:
        await pool.start()
        asked = asyncio.create_task(render(pool, "gate"))
        await entered(tmp_path, "gate")
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        (tmp_path / "gate.entered").unlink()
        await entered(tmp_path, "gate")
        await open_gate(path)
        assert await asked == "gate"
        assert pool.pids != [pid]


async def test_a_process_killed_while_idle_is_replaced(tmp_path: Path) -> None:
    async with workers(tmp_path) as pool:
        await pool.start()
        os.kill(pool.pids[0], signal.SIGKILL)
        assert await render(pool, "again") == "again"


@pytest.mark.parametrize("fault", ["crash", "hang"])
async def test_a_job_that_breaks_the_process_is_tried_twice_and_harms_no_other(
    tmp_path: Path, fault: str
) -> None:
    patience = Patience(
        start=20, job=0.3 if fault == "hang" else 20, whole=30, first_pause=0.01, longest_pause=0.04
    )
    async with workers(tmp_path, patience=patience) as pool:
        await pool.start()
        assert await render(pool, f"{fault}-once") == f"{fault}-once"
        with pytest.raises(VoiceError, match="两次"):
            await render(pool, fault)
        assert await render(pool, "fine") == "fine"
    assert (tmp_path / "seen").read_text().split().count(fault) == 2


async def test_what_cannot_be_rendered_is_said_so_without_a_restart(tmp_path: Path) -> None:
    async with workers(tmp_path) as pool:
        await pool.start()
        before = pool.pids
        with pytest.raises(VoiceError, match="KeyError"):
            await render(pool, "bad")
        assert await render(pool, "fine") == "fine"
        assert pool.pids == before


async def test_urgent_jobs_overtake_and_cancelled_ones_are_never_begun(tmp_path: Path) -> None:
    path = gate(tmp_path)
    async with workers(tmp_path) as pool:
        await pool.start()
        first = asyncio.create_task(render(pool, "gate"))
        await entered(tmp_path, "gate")
        idle = asyncio.create_task(render(pool, "idle", Urgency.IDLE))
        following = asyncio.create_task(render(pool, "next", Urgency.NEXT))
        interrupted = asyncio.create_task(render(pool, "interrupted"))
        now = asyncio.create_task(render(pool, "now"))
        await asyncio.sleep(0)
        interrupted.cancel()
        await open_gate(path)
        await asyncio.gather(first, idle, following, now)
        with pytest.raises(asyncio.CancelledError):
            await interrupted
    assert (tmp_path / "seen").read_text().split() == ["gate", "now", "next", "idle"]


async def test_a_voice_that_cannot_run_here_says_why_at_once(tmp_path: Path) -> None:
    async with workers(tmp_path, "refuses", count=2) as pool:
        with pytest.raises(VoiceError, match="没有装好"):
            await pool.start()
        with pytest.raises(VoiceError, match="没有装好"):
            await render(pool, "hello")


async def test_a_voice_that_fails_to_start_is_tried_again(tmp_path: Path) -> None:
    async with workers(tmp_path, "dies-once") as pool:
        with pytest.raises(VoiceError, match="重试"):
            await pool.start()
        await until(lambda: bool(pool.pids))
        assert await render(pool, "late") == "late"


async def test_pauses_before_restarts_grow(tmp_path: Path) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            enough.set()
            await asyncio.Event().wait()

    pool = Workers(("dies", str(tmp_path)), 1, FAST, sleep=note, module="tests.telephony.voice.fake_worker")
    try:
        with pytest.raises(VoiceError):
            await pool.start()
        await enough.wait()
    finally:
        await pool.close()
    assert pauses == [0.01, 0.02, 0.04, 0.04]


async def test_closing_ends_the_processes_and_those_who_wait(tmp_path: Path) -> None:
    gate(tmp_path)
    async with workers(tmp_path) as pool:
        await pool.start()
        pids = pool.pids
        waiting = [asyncio.create_task(render(pool, words)) for words in ("gate", "behind")]
        await entered(tmp_path, "gate")
    for task in waiting:
        with pytest.raises(VoiceError, match="关闭"):
            await task
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
