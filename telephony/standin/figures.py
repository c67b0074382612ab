"""What a recorded call tells: reply gaps, barge-in, greeting, pacing. All from audio on the wire, never from logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from telephony.events import FRAME_MS, RATE
from telephony.standin.recording import Arrival, Recording

_TALK_MS = 120
"""The caller's sounds shorter than this (a click, a cough) are no turn."""


@dataclass(frozen=True)
class Figures:
    """In milliseconds.

    ``reply_gaps``: from the last voiced sample of an utterance, as it was really sent, to the first bot frame on the wire
    that can be heard, for utterances after which the bot was silent. ``barge_ins``: from the caller's first voiced sample while the bot spoke
    until the caller hears the bot no more, only where it did stop before its turn was over (a ``clear`` came).
    ``greeting``: from the start of the stream to the first such frame. ``lateness``: how much later than an even pace bot
    frames came, by talk (its median is the pace, the talk's first frame its beginning); early frames are no error, they lie
    in the carrier's buffer.
    ``holes``: silences inside a bot's talk because the next frame had not come. ``sent_late``: the stand-in's own error.
    """

    reply_gaps: tuple[float, ...] = ()
    barge_ins: tuple[float, ...] = ()
    greeting: float | None = None
    lateness: tuple[float, ...] = ()
    holes: tuple[float, ...] = ()
    sent_late: tuple[float, ...] = ()

    @cached_property
    def _long(self) -> tuple[float | None, float | None]:
        return percentile(self.lateness, 99), percentile(self.sent_late, 99)

    def as_json(self) -> dict[str, object]:
        """The figures, and the 99th percentiles of the long ones."""
        return {
            "reply_gaps_ms": list(self.reply_gaps),
            "barge_ins_ms": list(self.barge_ins),
            "greeting_ms": self.greeting,
            "lateness_p99_ms": self._long[0],
            "holes_ms": list(self.holes),
            "sent_late_p99_ms": self._long[1],
        }


def measure(recording: Recording) -> Figures:
    """All figures of a recording."""
    audible = [one for one in recording.arrivals if one.audible]
    lateness, holes = _pace(recording.arrivals)
    return Figures(
        _reply_gaps(recording, audible),
        _barge_ins(recording),
        audible[0].at_ms if audible else None,
        lateness,
        holes,
        tuple(recording.sent_late_ms),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100).__trunc__() - 1)]


def _reply_gaps(recording: Recording, audible: Sequence[Arrival]) -> tuple[float, ...]:
    turns = [one for one in recording.said if one.speech and one.ended_ms - one.began_ms >= _TALK_MS]
    spans = recording.heard_spans()
    gaps = []
    for index, turn in enumerate(turns):
        if any(began < turn.ended_ms < ended for began, ended in spans):
            continue
        until = turns[index + 1].began_ms if index + 1 < len(turns) else recording.length_ms
        ended_ms = turn.ended_ms + _own_lateness(recording, turn.ended_ms)
        reply = next((one.at_ms for one in audible if turn.ended_ms <= one.at_ms <= until), None)
        if reply is not None:
            gaps.append(round(max(0.0, reply - ended_ms), 1))
    return tuple(gaps)


def _own_lateness(recording: Recording, at_ms: int) -> float:
    """How late the stand-in itself sent the sample before ``at_ms``: no fault of whoever replies."""
    slot = (at_ms - 1) // FRAME_MS
    return recording.sent_late_ms[slot] if 0 <= slot < len(recording.sent_late_ms) else 0.0


def _barge_ins(recording: Recording) -> tuple[float, ...]:
    found = []
    spans = recording.heard_spans()
    for turn in recording.said:
        if not turn.speech:
            continue
        for began, ended in spans:
            cleared = any(turn.began_ms <= at <= ended + 100 for at in recording.clears)
            if began < turn.began_ms < ended and cleared:
                found.append(float(ended - turn.began_ms))
    return tuple(found)


def _pace(arrivals: Sequence[Arrival]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Lateness of every frame and the holes, talk by talk; a talk ends where the buffer has been dry for 200 ms."""
    lateness: list[float] = []
    holes: list[float] = []
    talk: list[tuple[float, float]] = []
    runs_dry_ms = sent_ms = 0.0
    for one in arrivals:
        if talk and one.at_ms > runs_dry_ms:
            if one.at_ms - runs_dry_ms > 200:
                lateness += _late(talk)
                talk, sent_ms = [], 0.0
            else:
                holes.append(round(one.at_ms - runs_dry_ms, 1))
        length_ms = one.bytes * 1000 / RATE
        sent_ms += length_ms
        talk.append((one.at_ms, sent_ms))
        runs_dry_ms = max(runs_dry_ms, one.at_ms) + length_ms
    return tuple(lateness + _late(talk)), tuple(holes)


def _late(talk: Sequence[tuple[float, float]]) -> list[float]:
    """Against an even pace that cannot begin before the talk does: a head start at its beginning is no lateness."""
    pace = percentile([at_ms - sent_ms for at_ms, sent_ms in talk], 50)
    if pace is None:
        return []
    return [round(max(0.0, at_ms - max(talk[0][0], pace + sent_ms)), 2) for at_ms, sent_ms in talk]
