"""Says an answer: spoken form, pieces, cache or worker, and another voice if one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from telephony.voice.base import SpokenPiece, Style, VoiceError
from telephony.voice.cache import Cache, key_of
from telephony.voice.pieces import split
from telephony.voice.reading import reading
from telephony.voice.spoken import spoken
from telephony.voice.voices import BY_NAME, CANTONESE, FALLBACKS, MANDARIN, PLAIN_MANDARIN, VoiceKind
from telephony.voice.workers import Urgency, Workers

log = structlog.get_logger(__name__)


class Renderer(Protocol):
    """What makes sound of a request; :class:`telephony.voice.workers.Workers`, or a fake."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def render(self, request: Mapping[str, object], urgency: Urgency = Urgency.NOW) -> bytes: ...


@dataclass(slots=True)
class _Flight:
    """A rendering under way, and how many wait for it."""

    task: asyncio.Task[bytes]
    waiting: int = field(default=0)


class Speaker:
    """The :class:`telephony.voice.base.Voice` of the product; one for all calls of a process, used in one event loop."""

    def __init__(self, renderers: Mapping[str, Renderer], cache: Cache) -> None:
        """``renderers`` by the names of :mod:`telephony.voice.voices`; those left out count as failed."""
        self._renderers = dict(renderers)
        self._cache = cache
        self._flights: dict[str, _Flight] = {}
        self._unknown: set[str] = set()

    async def start(self) -> None:
        """Start all voices.

        Raises:
            VoiceError: not one of them can speak; a voice that cannot is logged and left to its fallbacks.
        """
        await asyncio.to_thread(reading, "您好")
        names = list(self._renderers)
        results = await asyncio.gather(
            *(self._renderers[name].start() for name in names), return_exceptions=True
        )
        failed = {name: result for name, result in zip(names, results, strict=True) if result is not None}
        for name, trouble in failed.items():
            if not isinstance(trouble, VoiceError):
                raise trouble
            log.error("voice_missing", voice=name, reason=str(trouble))
        if len(failed) == len(names):
            raise VoiceError("；".join(str(trouble) for trouble in failed.values()) or "没有可用的语音。")

    async def close(self) -> None:
        """End all voices and what is being rendered."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(renderer.close() for renderer in self._renderers.values()))

    async def say(self, text: str, style: Style) -> AsyncGenerator[SpokenPiece]:
        """The pieces of ``text`` in order; while one is out, the next is rendered. Close the iterator to stop.

        A piece with nothing to say in it comes without sound. Raises VoiceError when no voice can say a piece.
        """
        pieces = split(text)
        ahead: asyncio.Task[bytes] | None = None
        try:
            for place, piece in enumerate(pieces):
                sound = await (ahead or self._sound(piece, style, Urgency.NOW))
                ahead = None
                if place + 1 < len(pieces):
                    ahead = asyncio.create_task(self._sound(pieces[place + 1], style, Urgency.NEXT))
                yield SpokenPiece(piece, sound)
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def prepare(self, phrases: Iterable[str], style: Style = Style()) -> int:  # noqa: B008
        """Render fixed phrases ahead and keep them on disk: never such as hold a name, an amount or an id.

        Returns how many pieces are ready. Raises VoiceError.
        """
        ready = 0
        for phrase in phrases:
            for piece in split(phrase):
                await self._sound(piece, style, Urgency.IDLE, lasting=True)
                ready += 1
        return ready

    async def _sound(self, piece: str, style: Style, urgency: Urgency, *, lasting: bool = False) -> bytes:
        said = spoken(piece)
        kind = self._kind(style.voice)
        trouble = VoiceError("没有可用的语音。")
        for candidate in (kind, *FALLBACKS.get(kind.name, ())):
            try:
                request = candidate.request(said, style.speed)
                if request is None:
                    return b""
                return await self._rendered(
                    candidate, request, urgency, lasting=lasting and candidate is kind
                )
            except VoiceError as error:
                trouble = error
                log.warning("voice_failed", voice=candidate.name)
        raise trouble

    def _kind(self, name: str) -> VoiceKind:
        kind = BY_NAME.get(name)
        if kind is None and name not in self._unknown:
            self._unknown.add(name)
            log.warning("voice_unknown", voice=name, instead=MANDARIN.name)
        return kind or MANDARIN

    async def _rendered(
        self, kind: VoiceKind, request: Mapping[str, object], urgency: Urgency, *, lasting: bool
    ) -> bytes:
        key = key_of(kind.name, kind.version, request)
        sound = self._cache.recall(key) or await asyncio.to_thread(self._cache.get, key)
        sound = sound or await self._made(kind, key, request, urgency)
        if lasting:
            await asyncio.to_thread(self._cache.put, key, sound, lasting=True)
        return sound

    async def _made(
        self, kind: VoiceKind, key: str, request: Mapping[str, object], urgency: Urgency
    ) -> bytes:
        """Made once for all who want the same now; given up when nobody is left waiting."""
        renderer = self._renderers.get(kind.name)
        if renderer is None:
            raise VoiceError(f"语音 {kind.name} 没有启用。")
        # It may have become ready while the disk was asked.
        if (sound := self._cache.recall(key)) is not None:
            return sound
        flight = self._flights.get(key)
        if flight is None:
            task = asyncio.create_task(renderer.render(request, urgency))
            flight = self._flights[key] = _Flight(task)
        flight.waiting += 1
        try:
            sound = await asyncio.shield(flight.task)
            self._cache.put(key, sound)
            return sound
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Out of the table first: whoever comes now must not wait for what is being cancelled.
                self._flights.pop(key, None)
                flight.task.cancel()


def open_speaker(
    cache_folder: Path | None, neural_workers: int = 1, disk_bytes: int = 256 * 1024 * 1024
) -> Speaker:
    """All voices with their own processes, not started yet; ``cache_folder`` None keeps nothing on disk."""
    counts: Sequence[tuple[VoiceKind, int]] = (
        (MANDARIN, neural_workers),
        (PLAIN_MANDARIN, 1),
        (CANTONESE, 1),
    )
    return Speaker(
        {kind.name: Workers(kind.arguments, count) for kind, count in counts}, Cache(cache_folder, disk_bytes)
    )
