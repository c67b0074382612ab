"""One voice process, spoken to over its pipes (:mod:`telephony.voice.protocol`)."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from telephony.voice.protocol import LENGTH, READY

_ROOT = Path(__file__).resolve().parents[2]
_LARGEST = 64 * 1024 * 1024
_SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class RefusedError(Exception):
    """The voice says (in Chinese) that it cannot run here: starting it again would not help."""


class GoneError(Exception):
    """The process died or hung."""


class VoiceProcess:
    """Made by :meth:`launch`; to be ended by :meth:`end` whatever happens."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.ended = asyncio.create_task(process.wait())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit status, a signal as a negative number; None while it runs."""
        return self._process.returncode

    @classmethod
    async def launch(cls, command: Sequence[str], patience_s: float) -> VoiceProcess:
        """A process that is ready.

        Raises:
            RefusedError: it says that it cannot work.
            GoneError: it died, or was not ready in time.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd=_ROOT,
                # A terminal's Ctrl-C is for the parent; the end of its input ends the worker.
                start_new_session=True,
                env={**os.environ, **dict.fromkeys(_SINGLE, "1")},
            )
        except OSError:
            raise GoneError from None
        voice = cls(process)
        try:
            greeting = await voice._answer(patience_s)
        except BaseException:
            await voice.end()
            raise
        if greeting[:1] != READY:
            await voice.end()
            raise RefusedError(greeting[1:].decode(errors="replace"))
        return voice

    async def ask(self, body: bytes, patience_s: float) -> bytes:
        """The answer to one request, sign and all. After GoneError the process is of no further use."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(LENGTH.pack(len(body)) + body)
            async with asyncio.timeout(patience_s):
                await self._process.stdin.drain()
        except (OSError, TimeoutError):
            raise GoneError from None
        return await self._answer(patience_s)

    async def end(self) -> None:
        """Kill it, if it still runs, and wait for its end."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.ended
        if self._process.stdin is not None:
            self._process.stdin.close()
            with suppress(OSError):
                await self._process.stdin.wait_closed()

    async def _answer(self, patience_s: float) -> bytes:
        stream = self._process.stdout
        assert stream is not None
        try:
            async with asyncio.timeout(patience_s):
                (size,) = LENGTH.unpack(await stream.readexactly(LENGTH.size))
                if not 0 < size <= _LARGEST:
                    raise GoneError
                return await stream.readexactly(size)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            raise GoneError from None
