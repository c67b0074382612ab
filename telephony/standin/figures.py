"""What a recorded call tells: reply gaps, barge-in, greeting, pacing. All from audio on the wire, never from logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from telephony.events import FRAME_MS, RATE
from telephony.standin.recording import Arrival, Recording

_TALK_MS = 120
"""The caller's sounds shorter than this (a click, a cough) are no turn."""
_CLEARED_MS = 100
"""A clear that ends a stretch of talk comes at most so long before or after its last frame."""
_SLOT_LATE_MS = 20
"""A frame whose slot had begun is still heard, after the clear."""


@dataclass(frozen=True)
class Figures:
    """In milliseconds.

    ``reply_gaps``: from the last voiced sample of an utterance, as it was really sent, to the first bot frame on the wire
    that can be heard, for utterances after which the bot was silent; that it goes on with what was held is no reply.
    ``answered``: the words that each of these gaps follows.
    ``barge_ins``: from the caller's first voiced sample while the bot spoke until the caller hears the last of what it was
    saying, only where it did stop before its turn was over: a ``clear`` threw speech away that did not come again, before the
    caller did anything else. A bot that was held and went on was not interrupted.
    ``greeting``: from the start of the stream to the first such frame. ``lateness``: how much later than an even pace bot
    frames came, by talk (its median is the pace, the talk's first frame its beginning); early frames are no error, they lie
    in the carrier's buffer.
    ``holes``: silences inside a bot's talk because the next frame had not come. ``sent_late``: the stand-in's own error.
    """

    reply_gaps: tuple[float, ...] = ()
    answered: tuple[str, ...] = ()
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
            "answered": list(self.answered),
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
    replies = _replies(recording, audible)
    return Figures(
        tuple(gap for gap, _ in replies),
        tuple(words for _, words in replies),
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


def _replies(recording: Recording, audible: Sequence[Arrival]) -> list[tuple[float, str]]:
    """Each reply gap and the words it follows."""
    turns = [one for one in recording.said if one.speech and one.ended_ms - one.began_ms >= _TALK_MS]
    spans = recording.heard_spans()
    went_on = _went_on(recording)
    gaps = []
    for index, turn in enumerate(turns):
        if any(began < turn.ended_ms < ended for began, ended in spans):
            continue
        until = turns[index + 1].began_ms if index + 1 < len(turns) else recording.length_ms
        ended_ms = turn.ended_ms + _own_lateness(recording, turn.ended_ms)
        # What a bot that was held by this turn goes on saying is no reply to it.
        held = [(since, to) for since, to in went_on if since >= turn.began_ms]
        replies = [one.at_ms for one in audible if turn.ended_ms <= one.at_ms <= until]
        reply = next((at for at in replies if not any(since <= at < to for since, to in held)), None)
        if reply is not None:
            gaps.append((round(max(0.0, reply - ended_ms), 1), turn.text))
    return gaps


def _went_on(recording: Recording) -> list[tuple[float, float]]:
    """From each clear after which the bot went on with what it had been saying to the next clear."""
    ends = [*recording.clears[1:], float("inf")]
    return [(at, end) for at, end in zip(recording.clears, ends, strict=False) if at in recording.resumed]


def _own_lateness(recording: Recording, at_ms: int) -> float:
    """How late the stand-in itself sent the sample before ``at_ms``: no fault of whoever replies."""
    slot = (at_ms - 1) // FRAME_MS
    return recording.sent_late_ms[slot] if 0 <= slot < len(recording.sent_late_ms) else 0.0


def _barge_ins(recording: Recording) -> tuple[float, ...]:
    deeds = sorted([*(one.began_ms for one in recording.said), *(at for at, _ in recording.keys)])
    found = []
    for turn in recording.said:
        until = next((at for at in deeds if at > turn.began_ms), float("inf"))
        if turn.speech and (cut := _cut_off(recording, turn.began_ms, until)) is not None:
            found.append(float(cut - turn.began_ms))
    return tuple(found)


def _cut_off(recording: Recording, began_ms: int, until_ms: float) -> int | None:
    """When the caller has heard the last of what the bot said at ``began_ms``, if it was cut off before ``until_ms``."""
    talks = False
    for began, ended in recording.heard_spans():
        talks = talks or began < began_ms < ended
        if not talks:
            continue
        clears = [at for at in recording.clears if max(began, began_ms) <= at <= ended + _CLEARED_MS]
        cut = next((at for at in clears if at not in recording.resumed and at not in recording.idle), None)
        if cut is not None:
            slots = range(int(cut + _SLOT_LATE_MS) // FRAME_MS + 1)
            last = max(
                slot for slot in slots if slot < len(recording.bot_audible) and recording.bot_audible[slot]
            )
            return (last + 1) * FRAME_MS if cut < until_ms else None
        if not clears or clears[-1] < ended - _CLEARED_MS:
            return None
    return None


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
