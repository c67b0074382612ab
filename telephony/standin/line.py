"""Carries one call from dialling to its end: rings, detects machines, runs TwiML, streams, and tells the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from telephony.carriers.base import CarrierStatus
from telephony.standin import detection
from telephony.standin.call import Call
from telephony.standin.callbacks import CallbackError, Callbacks
from telephony.standin.faults import NO_FAULTS, Faults
from telephony.standin.instructions import Instructions, Setting
from telephony.standin.orders import Event
from telephony.standin.person import Person
from telephony.standin.script import Answer, Script
from telephony.standin.speech import Performance
from telephony.standin.twiml import TwimlError
from telephony.voice.base import VoiceError

log = structlog.get_logger("telephony.standin")

_SIP = {CarrierStatus.BUSY: "486", CarrierStatus.NO_ANSWER: "487", CarrierStatus.COMPLETED: "200"}


class Line:
    """Runs once; ``faults`` are those of this call."""

    def __init__(self, setting: Setting, call: Call, faults: Faults) -> None:
        self._setting, self._call, self._faults = setting, call, faults
        self._callbacks = Callbacks(setting.client, setting.signer, faults)
        self._detecting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the call is over and everybody knows."""
        try:
            await self._ring_and_talk()
        except (VoiceError, TwimlError, CallbackError) as error:
            self._call.notes.append(str(error))
            if isinstance(error, TwimlError):
                self._call.errors[error.code] += 1
            self._finish(CarrierStatus.COMPLETED if self._call.answered else CarrierStatus.FAILED)
        finally:
            if self._detecting is not None:
                self._detecting.cancel()
            if not self._call.status.terminal:
                self._finish(CarrierStatus.FAILED)
        await self._callbacks.settle()
        if self._callbacks.failed:
            self._call.notes.append(f"有 {self._callbacks.failed} 个回调没有送达")

    async def _ring_and_talk(self) -> None:
        call = self._call
        if call.ending is not None:
            self._finish(CarrierStatus.CANCELED, "487")
            return
        call.dialled = datetime.now(UTC)
        self._tell("initiated", CarrierStatus.INITIATED)
        if call.assigned is None:
            self._finish(CarrierStatus.FAILED, "404")
            return
        script = call.assigned.script
        if script.answer is Answer.INVALID:
            self._finish(CarrierStatus.FAILED, "404")
            return
        # Nobody picks up before their voice is there, so that rendering is never taken for a slow reaction.
        performance = call.assigned.performance
        if performance is None:
            performance = await self._setting.studio.perform(script, call.assigned.pack)
        call.status = CarrierStatus.RINGING
        self._tell("ringing")
        if await self._rings(script):
            return
        call.status = CarrierStatus.IN_PROGRESS
        call.answered = datetime.now(UTC)
        call.person = Person(performance)
        self._tell("answered")
        await self._detect(performance)
        await Instructions(self._setting, call, self._callbacks, self._faults).run()
        self._finish(CarrierStatus.COMPLETED)

    async def _rings(self, script: Script) -> bool:
        """Ring; whether that was all."""
        order = self._call.order
        patience = (
            order.ring_s if script.answer is Answer.NO_ANSWER else min(order.ring_s, script.ring_ms / 1000)
        )
        if await self._call.directed_within(patience):
            self._finish(CarrierStatus.CANCELED, "487")
        elif script.answer is Answer.BUSY:
            self._finish(CarrierStatus.BUSY)
        elif script.answer is Answer.REJECT:
            self._finish(CarrierStatus.BUSY, "603")
        elif script.answer is Answer.NO_ANSWER or script.ring_ms / 1000 > order.ring_s:
            self._finish(CarrierStatus.NO_ANSWER)
        return self._call.status.terminal

    # --- machine detection ---

    async def _detect(self, performance: Performance) -> None:
        order = self._call.order
        if order.detection is None:
            return
        verdict, after_ms = detection.verdict(performance, order.detection)
        if not order.async_amd:
            await self._call.directed_within(after_ms / 1000)
            self._call.answered_by = verdict
            return
        self._detecting = asyncio.create_task(self._detected(verdict, after_ms))

    async def _detected(self, verdict: str, after_ms: int) -> None:
        await asyncio.sleep(after_ms / 1000)
        self._call.answered_by = verdict
        if self._call.order.amd_callback is not None:
            told = {**self._call.ids(), "AnsweredBy": verdict, "MachineDetectionDuration": str(after_ms)}
            self._callbacks.tell(self._call.order.amd_callback, told, last=True)

    # --- telling ---

    def _tell(
        self, event: Event, status: CarrierStatus | None = None, extra: Mapping[str, str] | None = None
    ) -> None:
        call = self._call
        if call.order.status_callback is None or event not in call.order.events:
            return
        told = {**call.progress(), **({"CallStatus": status.value} if status else {}), **(extra or {})}
        self._callbacks.tell(call.order.status_callback, told, last=event == "completed")

    def _finish(self, status: CarrierStatus, sip: str | None = None) -> None:
        call = self._call
        if call.status.terminal:
            return
        call.ended = datetime.now(UTC)
        call.status = status
        extra = {"SipResponseCode": sip or _SIP.get(status, "503"), "CallDuration": str(call.seconds)}
        if status is CarrierStatus.COMPLETED:
            extra["Duration"] = str(max(1, -(-call.seconds // 60)))
        self._tell("completed", None, extra)
        log.info("call_ended", call=call.sid, status=status.value, seconds=call.seconds)


def faults_of(call: Call, everybody: Faults) -> Faults:
    """A script's own faults over those of the whole exchange."""
    return (call.assigned.script.faults if call.assigned else NO_FAULTS).over(everybody)
