"""The carrier's answering machine detection: what it finds, and when. It is told the truth unless the script lies to it.

Source: Twilio's page "Answering Machine Detection".
"""

from __future__ import annotations

from telephony.events import RATE
from telephony.standin.script import Answer, Play
from telephony.standin.speech import Performance

_HUMAN_DETECTED_MS, _MACHINE_DETECTED_MS, _FAX_DETECTED_MS = 2200, 3600, 3200


def verdict(performance: Performance, mode: str) -> tuple[str, int]:
    """What machine detection finds, and after how many milliseconds."""
    script = performance.script
    match script.answer:
        case Answer.FAX:
            found, after = "fax", _FAX_DETECTED_MS
        case Answer.MACHINE if mode == "Enable":
            found, after = "machine_start", _MACHINE_DETECTED_MS
        case Answer.MACHINE:
            found = "machine_end_beep" if script.beep else "machine_end_silence"
            after = _greeting_ms(performance) + (0 if script.beep else 2000)
        case _:
            found, after = "human", _HUMAN_DETECTED_MS
    return script.detected or found, after


def _greeting_ms(performance: Performance) -> int:
    """Until the greeting, and the beep if there is one, is over."""
    total = 600
    for index, sound in performance.sounds.items():
        total += sound.size * 1000 // RATE
        if not performance.script.beep or isinstance(performance.script.steps[index], Play):
            break
    return total + (400 if performance.script.beep else 0)
