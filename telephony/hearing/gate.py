"""From window to window: is somebody speaking, since when, and until when was there a voice?

The pause that ends an utterance is counted from the last sound of the voice, not from when the detector lets go of
it, which is some 60 ms later.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telephony.events import RATE
from telephony.hearing.activity import Activity


@dataclass(frozen=True, slots=True)
class GateRules:
    """When a voice counts. Probabilities 0 to 1, times in ms, levels in dB."""

    on: float = 0.5
    off: float = 0.35
    """A voice goes on while it is at least this likely."""
    open_ms: float = 60
    """So much voice within ``open_within_ms`` is the beginning of speech."""
    open_within_ms: float = 160
    quiet_db: float = 3.5
    """A window less than this above the floor is not looked at while nobody speaks: it saves most of the work."""
    silence_db: float = -66.0
    """Below this, in dB of full scale, is silence."""
    fall_db: float = 32.0
    """The voice has ended where the sound is so far below its loudest."""
    let_go_ms: float = 200
    """At most this much is taken back from where the detector lets go."""


class Gate:
    """One call's. Times are milliseconds of the call's clock."""

    def __init__(self, activity: Activity, rules: GateRules | None = None) -> None:
        self.rules = rules or GateRules()
        self.open = False
        """Somebody is speaking, or paused a moment ago: open until :meth:`close`."""
        self.began_ms = 0.0
        self.voiced_until_ms = 0.0
        self.voiced = False
        """The last window held a voice."""
        self._activity = activity
        self._window_ms = activity.window * 1000 / RATE
        self._rest = np.zeros(0, np.int16)
        self._voice: deque[float] = deque()
        self._floor = _Floor(self._window_ms)
        self._loudest = -96.0

    def feed(self, at_ms: float, samples: NDArray[np.int16]) -> None:
        """The next sound; ``at_ms`` is the time of its first sample."""
        size = self._activity.window
        at = at_ms - len(self._rest) * 1000 / RATE
        sound = np.concatenate((self._rest, samples))
        whole = len(sound) - len(sound) % size
        for start in range(0, whole, size):
            self._window(at + start * 1000 / RATE, sound[start : start + size])
        self._rest = sound[whole:]

    def close(self) -> None:
        """The utterance is over."""
        self.open = False
        self._voice.clear()

    def cut(self, at_ms: float) -> None:
        """The utterance is over though the voice goes on; what follows begins another one at once."""
        self._loudest = -96.0
        self.began_ms = self.voiced_until_ms = at_ms

    def _window(self, at: float, samples: NDArray[np.int16]) -> None:
        levels = _levels(samples)
        level = float(10 * np.log10(np.mean(10 ** (levels / 10))))
        floor = self._floor.hear(level)
        if not self.open and level < max(floor + self.rules.quiet_db, self.rules.silence_db):
            likely = 0.0
        else:
            likely = self._activity.hear(samples)
        self.voiced = likely >= (self.rules.off if self.voiced else self.rules.on)
        if not self.voiced:
            return
        if not self.open:
            self._voice.append(at)
            while self._voice[0] < at + self._window_ms - self.rules.open_within_ms:
                self._voice.popleft()
            if len(self._voice) * self._window_ms < self.rules.open_ms:
                return
            self.open, self.began_ms, self._loudest = True, self._voice[0], -96.0
            self.voiced_until_ms = at
        self._loudest = max(self._loudest, float(levels.max()))
        self._until(at, levels, floor)

    def _until(self, at: float, levels: NDArray[np.float64], floor: float) -> None:
        loud = np.flatnonzero(levels > max(self._loudest - self.rules.fall_db, floor + 6))
        until = at + self._window_ms - self.rules.let_go_ms
        if len(loud):
            until = max(until, at + (int(loud[-1]) + 1) * self._window_ms / len(levels))
        self.voiced_until_ms = max(self.voiced_until_ms, until)


class _Floor:
    """The quietest level of the last three seconds or so, in dB of full scale."""

    def __init__(self, window_ms: float) -> None:
        self._per_part = int(750 / window_ms)
        self._parts: deque[float] = deque(maxlen=4)
        self._part, self._heard = 0.0, 0

    def hear(self, level: float) -> float:
        self._part = min(self._part, level)
        self._heard += 1
        if self._parts:
            floor = min(self._part, *self._parts)
        else:
            floor = self._part if 2 * self._heard > self._per_part else -96.0
        if self._heard >= self._per_part:
            self._parts.append(self._part)
            self._part, self._heard = 0.0, 0
        return floor


def _levels(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """dB of full scale of the four quarters of a window."""
    quarters = samples.astype(np.float64).reshape(4, -1)
    power: NDArray[np.float64] = np.mean(quarters * quarters, axis=1)
    return np.asarray(10 * np.log10(power / 32768.0**2 + 1e-10), np.float64)
