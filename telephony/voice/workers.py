"""Keeps voice processes running and hands them work: the most urgent first, each job tried twice at most."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import structlog

from telephony.voice.base import VoiceError
from telephony.voice.process import GoneError, RefusedError, VoiceProcess
from telephony.voice.protocol import READY

log = structlog.get_logger(__name__)

_TRIES = 2


class Urgency(IntEnum):
    """Who waits for it."""

    NOW = 0
    """A caller hears silence until it is there."""
    NEXT = 1
    """A caller hears the piece before it."""
    IDLE = 2
    """Nobody; rendered ahead."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    ``start``: for a process to be ready; ``job``: for one rendering, before the process counts as hung; ``whole``: for a
    job with its wait in the queue, unless it is idle work; ``first_pause`` before a restart, doubling up to ``longest_pause``.
    """

    start: float = 30.0
    job: float = 5.0
    whole: float = 8.0
    first_pause: float = 0.1
    longest_pause: float = 10.0


@dataclass(order=True)
class _Job:
    urgency: int
    number: int
    body: bytes = field(compare=False)
    result: asyncio.Future[bytes] = field(compare=False)
    tries: int = field(default=0, compare=False)

    def fail(self, reason: str) -> None:
        if not self.result.done():
            self.result.set_exception(VoiceError(reason))


class Workers:
    """``count`` processes of ``python -m telephony.voice.worker`` with these arguments."""

    def __init__(
        self,
        arguments: Sequence[str],
        count: int = 1,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        module: str = "telephony.voice.worker",
    ) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._name = "/".join(arguments)
        self._count = count
        self._patience = patience or Patience()
        self._sleep = sleep
        self._queue: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._keepers: list[asyncio.Task[None]] = []
        self._processes: set[VoiceProcess] = set()
        self._settled = asyncio.Event()
        self._trouble = ""

    @property
    def pids(self) -> list[int]:
        """Process numbers of those running now."""
        return sorted(process.pid for process in self._processes)

    async def start(self) -> None:
        """Start the processes and wait until one is ready.

        Raises:
            VoiceError: none can be; the text says why. A crash is tried again in the background, a refusal is not.
        """
        if not self._keepers:
            self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]
        await self._settled.wait()
        if not self._processes:
            raise VoiceError(self._trouble)

    async def close(self) -> None:
        """End the processes; jobs still waiting fail."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []
        self._trouble = "语音已经关闭。"
        self._drop_all()

    async def render(self, request: Mapping[str, object], urgency: Urgency = Urgency.NOW) -> bytes:
        """µ-law for a request (see :mod:`telephony.voice.protocol`). A cancelled job leaves the queue.

        Raises:
            VoiceError: no process could do it in time.
        """
        if self._trouble and not self._processes:
            raise VoiceError(self._trouble)
        body = json.dumps(request, ensure_ascii=False).encode()
        job = _Job(urgency, next(self._numbers), body, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        try:
            async with asyncio.timeout(None if urgency is Urgency.IDLE else self._patience.whole):
                return await job.result
        except TimeoutError:
            raise VoiceError("语音合成太慢，没有按时完成。") from None
        finally:
            job.result.cancel()

    async def _keep(self) -> None:
        """One process after the other, with growing pauses while they do not last for a single job."""
        pause = self._patience.first_pause
        while True:
            try:
                process = await VoiceProcess.launch(self._command, self._patience.start)
            except RefusedError as refusal:
                log.error("voice_refused", voice=self._name)
                self._down(str(refusal))
                return
            except GoneError:
                log.warning("voice_does_not_start", voice=self._name, pause_s=pause)
                self._down("语音进程启动失败，正在重试。")
            else:
                if await self._serve(process):
                    pause = self._patience.first_pause
                log.warning("voice_restarts", voice=self._name, pause_s=pause, code=process.code)
            await self._sleep(pause)
            pause = min(pause * 2, self._patience.longest_pause)

    async def _serve(self, process: VoiceProcess) -> bool:
        """Jobs until the process is gone; whether it did any."""
        self._processes.add(process)
        self._trouble = ""
        self._settled.set()
        served = False
        try:
            while True:
                await self._do(process, await self._next(process.ended))
                served = True
        except GoneError:
            return served
        finally:
            self._processes.discard(process)
            await process.end()

    def _down(self, trouble: str) -> None:
        """No process runs and the next one may be long in coming: whoever waits had better use another voice."""
        if not self._processes:
            self._trouble = trouble
            self._drop_all()
        self._settled.set()

    def _drop_all(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait().fail(self._trouble)

    async def _next(self, ended: asyncio.Task[int]) -> _Job:
        """The most urgent job somebody still waits for."""
        while True:
            getting = asyncio.create_task(self._queue.get())
            try:
                await asyncio.wait((getting, ended), return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    raise GoneError
            except BaseException:
                if not getting.cancel():
                    self._queue.put_nowait(getting.result())
                raise
            job = getting.result()
            if not job.result.done():
                return job

    async def _do(self, process: VoiceProcess, job: _Job) -> None:
        job.tries += 1
        try:
            answer = await process.ask(job.body, self._patience.job)
        except asyncio.CancelledError:
            job.fail("语音已经关闭。")
            raise
        except GoneError:
            if job.tries < _TRIES:
                self._queue.put_nowait(job)
            else:
                job.fail("语音进程两次中断，没有完成。")
            raise
        if answer[:1] != READY:
            job.fail(f"这段话无法合成（{answer[1:].decode(errors='replace')}）。")
        elif not job.result.done():
            job.result.set_result(answer[1:])
