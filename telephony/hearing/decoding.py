"""Drives one call's recogniser in a thread pool: strictly in order, one job at a time, never on the event loop.

Audio that arrives while a job runs waits and goes into the next one, so a busy machine decodes in larger steps instead
of falling behind. Nothing here looks at a clock but the patience with a recogniser that hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from dialects.heard import Heard, Recogniser
from telephony.events import RATE, Expectation
from telephony.hearing.resample import Upsampler

STEP_MS = 120
"""So much sound is decoded at once: partials come this often."""
PATIENCE_S = 4.0
"""Seconds after which a recogniser that does not answer is given up."""

log = structlog.get_logger("telephony.hearing")
_T = TypeVar("_T")


class Decoder:
    """One call's. ``renew`` makes a fresh recogniser; it runs in the pool as well."""

    def __init__(
        self,
        recogniser: Recogniser,
        renew: Callable[[], Recogniser],
        executor: Executor,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.partial = ""
        """What has been recognised so far of the present utterance."""
        self._line: _Line | None = _Line(recogniser)
        self._renewed = renew
        self._executor = executor
        self._patience_s = patience_s
        self._job: Future[str] | None = None
        self._waiting: list[NDArray[np.int16]] = []
        self._expectation: Expectation | None = None
        self._told: Expectation | None = None
        self._urgent = False
        self._begun = False
        self._failed = False

    @property
    def pack(self) -> str:
        """The pack that hears now; empty while there is no recogniser."""
        return self._line.recogniser.pack if self._line else ""

    def expect(self, expectation: Expectation) -> None:
        """What is likely to come; the recogniser is told at once, or after the utterance that has begun."""
        self._expectation = expectation
        self._tell()

    def add(self, samples: NDArray[np.int16], *, at_once: bool = False) -> None:
        """More of the utterance, at 8 kHz; it waits for more of it unless it is to be decoded ``at_once``."""
        self._waiting.append(samples)
        self._urgent = self._urgent or at_once
        self.look()

    def look(self) -> None:
        """Take what has been decoded, and hand on what has arrived meanwhile if it is enough."""
        if self._job is not None and self._job.done():
            self._take(self._job)
            self._job = None
        enough = self._urgent or sum(map(len, self._waiting)) * 1000 >= STEP_MS * RATE
        if self._job is None and self._waiting and enough:
            self._submit()

    async def finish(self) -> Heard | None:
        """End the utterance; nothing when the recogniser failed in it. Then the next utterance has a fresh one."""
        heard: Heard | None = None
        try:
            if self._job is not None:
                await self._wait(self._job)
                self._take(self._job)
            if self._line is not None and not self._failed:
                heard = await self._wait(self._executor.submit(self._line.finish, self._rest(), self._news()))
        except Exception as error:
            self._fail(error)
        self._job, self._waiting, self._begun, self.partial = None, [], False, ""
        if self._failed or self._line is None:
            heard = None
            await self._renew()
        self._tell()
        return heard

    async def close(self) -> None:
        """Wait for the job that runs, so that nobody uses the recogniser any more."""
        self._waiting = []
        if self._job is not None:
            try:
                await self._wait(self._job)
            except Exception as error:
                self._fail(error)
            self._job = None

    def _submit(self) -> None:
        if self._failed or self._line is None:
            self._waiting, self._urgent = [], False
        else:
            self._job = self._executor.submit(self._line.decode, self._rest(), self._news())
            self._begun = True

    def _tell(self) -> None:
        if (
            self._line is None
            or self._failed
            or self._begun
            or (self._job is not None and not self._job.done())
        ):
            return
        if news := self._news():
            self._job = self._executor.submit(self._line.tell, news)

    def _rest(self) -> NDArray[np.int16]:
        sound = np.concatenate(self._waiting) if self._waiting else np.zeros(0, np.int16)
        self._waiting, self._urgent = [], False
        return sound

    def _news(self) -> Expectation | None:
        """The expectation, if the recogniser does not know it yet and is not in the middle of an utterance."""
        if self._begun or self._expectation == self._told:
            return None
        self._told = self._expectation
        return self._expectation

    def _take(self, job: Future[str]) -> None:
        try:
            self.partial = job.result()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failed = True
        log.warning("recogniser_failed", error=type(error).__name__)

    async def _wait(self, job: Future[_T]) -> _T:
        async with asyncio.timeout(self._patience_s):
            return await asyncio.wrap_future(job)

    async def _renew(self) -> None:
        self._line = None
        try:
            self._line = _Line(await self._wait(self._executor.submit(self._renewed)))
            self._failed, self._told = False, None
        except Exception as error:
            log.error("recogniser_not_replaced", error=type(error).__name__)


class _Line:
    """A recogniser with its resampler: what only one thread may use at a time."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        self._up = Upsampler()

    def tell(self, news: Expectation) -> str:
        self.recogniser.expect(news.kind.value, news.phrases, news.digits)
        return ""

    def decode(self, samples: NDArray[np.int16], news: Expectation | None) -> str:
        if news is not None:
            self.tell(news)
        if pcm := self._up.feed(samples):
            self.recogniser.accept(pcm)
        return self.recogniser.partial()

    def finish(self, samples: NDArray[np.int16], news: Expectation | None) -> Heard:
        if news is not None:
            self.tell(news)
        if pcm := self._up.feed(samples) + self._up.end():
            self.recogniser.accept(pcm)
        return self.recogniser.finish()
