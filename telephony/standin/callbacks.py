"""Sends signed callbacks, again when that fails, and disorderly when asked to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import httpx
import structlog

from telephony.standin.faults import Faults
from telephony.standin.signing import HEADER, Signer, resolved

log = structlog.get_logger("telephony.standin")

ATTEMPTS = 4
PAUSES_S = (0.3, 1.0, 3.0)
TIMEOUT_S = 15.0  # Twilio's own


class CallbackError(Exception):
    """The gateway did not answer properly, however often it was asked; the text names the last reason."""


class Callbacks:
    """The callbacks of one call. Status callbacks go out one after the other; :meth:`settle` waits for the last one."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, faults: Faults) -> None:
        self._client, self._signer, self._faults = client, signer, faults
        self._last: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: tuple[str, dict[str, str]] | None = None
        self.failed = 0
        """Callbacks that were given up."""

    async def ask(self, url: str, parameters: Mapping[str, str]) -> str:
        """POST and return the body: TwiML.

        Raises:
            CallbackError: no 2xx after all attempts.
        """
        return await self._post(url, dict(parameters), str(uuid.uuid4()))

    def tell(self, url: str, parameters: Mapping[str, str], *, last: bool = False) -> None:
        """Send soon, in order, not waiting for an answer; ``last`` releases what a fault holds back."""
        mine = (url, dict(parameters))
        if self._faults.callback_shuffled and self._held is None and not last:
            self._held = mine
            return
        held, self._held = self._held, None
        for item in (mine, held):
            if item is not None:
                self._queue(*item)

    async def settle(self) -> None:
        """Wait until all are sent or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _queue(self, url: str, parameters: dict[str, str]) -> None:
        task = asyncio.create_task(self._told(url, parameters, self._last))
        self._last = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, url: str, parameters: dict[str, str], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        if self._faults.callback_late_ms:
            await asyncio.sleep(self._faults.callback_late_ms / 1000)
        token = str(uuid.uuid4())
        try:
            for _ in range(2 if self._faults.callback_twice else 1):
                await self._post(url, parameters, token)
        except CallbackError as error:
            self.failed += 1
            log.warning("callback_given_up", call=parameters.get("CallSid"), reason=str(error))

    async def _post(self, url: str, parameters: dict[str, str], token: str) -> str:
        public = resolved(url, None)
        headers = {
            HEADER: self._signer.signature(public, parameters, forged=self._faults.forged),
            "I-Twilio-Idempotency-Token": token,
            "User-Agent": "TwilioProxy/1.1",
        }
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSES_S[attempt - 1])
            try:
                answer = await self._client.post(
                    self._signer.reach(public), data=parameters, headers=headers, timeout=TIMEOUT_S
                )
            except httpx.HTTPError as error:
                reason = type(error).__name__
                continue
            if answer.is_success:
                return answer.text
            reason = f"HTTP {answer.status_code}"
            if answer.status_code < 500:
                break
        raise CallbackError(reason)
