"""Reads the steps of a script; the grammar is explained in ``loader``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from telephony.standin import yaml_reader as y
from telephony.standin.script import (
    SOUNDS,
    Answer,
    HangUp,
    Manner,
    Play,
    Press,
    Say,
    Step,
    Wait,
    WaitForBot,
    WaitForMark,
    WaitForSpeech,
)
from telephony.standin.sound import BANDS
from telephony.standin.yaml_reader import Reader

MANNER = ("accent", "voice", "speed", "volume", "pitch", "noise", "band")
_UNANSWERED = {
    "busy": Answer.BUSY,
    "no_answer": Answer.NO_ANSWER,
    "reject": Answer.REJECT,
    "invalid": Answer.INVALID,
}
_SHOUT_DB, _SHOUT_SPEED, _OTHER_PITCH = 12.0, 1.15, 0.84


def manner_of(keys: dict[str, Reader], base: Manner) -> Manner:
    """``base`` with what is written."""
    found = base
    if "accent" in keys:
        found = replace(found, accent=keys["accent"].text())
    if "voice" in keys:
        found = replace(found, voice=keys["voice"].text(empty=True))
    if "speed" in keys:
        found = replace(found, speed=keys["speed"].number(0.4, 2))
    if "volume" in keys:
        found = replace(found, volume=keys["volume"].number(-40, 24))
    if "pitch" in keys:
        found = replace(found, pitch=keys["pitch"].number(0.5, 2))
    if "noise" in keys:
        found = replace(found, noise=keys["noise"].number(-10, 60))
    if "band" in keys:
        found = replace(
            found, band="narrow" if keys["band"].choice(tuple(BANDS)) == "narrow" else "telephone"
        )
    return found


def steps_of(reader: Reader, manner: Manner) -> tuple[Answer, tuple[Step, ...], bool]:
    """How the call is answered, the steps, and whether a machine beeps."""
    items = reader.items()
    if not items:
        raise reader.wrong("steps 是空的")
    answer, beep = Answer.PERSON, False
    steps: list[Step] = []
    for number, item in enumerate(items):
        verb, keys = item.verb()
        if verb in _UNANSWERED:
            if number or len(items) > 1:
                raise item.wrong(f"{verb} 表示没人接，只能是唯一的一步")
            return _UNANSWERED[verb], (), False
        if verb == "machine":
            answer = Answer.MACHINE
            beep, machine = _machine(keys, manner)
            steps += machine
            continue
        make = _VERBS.get(verb)
        if make is None:
            known = "、".join([*_VERBS, "machine", *_UNANSWERED])
            raise item.wrong(f"没有“{verb}”这一步；可用：{known}")
        step = make(item, keys, manner)
        if number == 0 and isinstance(step, Play) and step.what == "fax":
            answer = Answer.FAX
        steps.append(step)
    return answer, tuple(steps), beep


def _machine(keys: dict[str, Reader], manner: Manner) -> tuple[bool, list[Step]]:
    y.only(keys, ("machine",))
    inner = keys["machine"].mapping(("greeting", "beep", *MANNER))
    if "greeting" not in inner:
        raise keys["machine"].wrong("machine 里缺少 greeting")
    beep = inner["beep"].flag() if "beep" in inner else True
    steps: list[Step] = [Wait(600), Say(inner["greeting"].text(), manner_of(inner, manner))]
    if beep:
        steps += [Wait(400), Play("beep", 400)]
    return beep, steps


def _said(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    verb = next(iter(keys))
    y.only(keys, (verb, *MANNER))
    base = manner
    if verb == "shout":
        base = replace(manner, volume=manner.volume + _SHOUT_DB, speed=manner.speed * _SHOUT_SPEED)
    elif verb == "third_party":
        base = replace(manner, pitch=manner.pitch * _OTHER_PITCH)
    return Say(keys[verb].text(), manner_of(keys, base))


def _waiting(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    verb = next(iter(keys))
    y.only(keys, (verb,))
    return Wait(keys[verb].duration())


def _waits_for(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    y.only(keys, ("wait_for", "within"))
    within = keys["within"].duration() if "within" in keys else 25_000
    reader = keys["wait_for"]
    if reader.is_mapping():
        inner = reader.mapping(("silence", "mark"))
        if len(inner) != 1:
            raise reader.wrong("wait_for 里只能写 silence 或 mark 中的一个")
        if "mark" in inner:
            return WaitForMark(inner["mark"].text(), within)
        return WaitForBot(inner["silence"].duration(), within)
    if reader.choice(("bot_done", "bot_began")) == "bot_began":
        return WaitForSpeech(0, within)
    return WaitForBot(within_ms=within)


def _interrupts(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    y.only(keys, ("interrupt_at", "within"))
    within = keys["within"].duration() if "within" in keys else 25_000
    return WaitForSpeech(keys["interrupt_at"].duration(), within)


def _presses(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    y.only(keys, ("press", "every"))
    text = keys["press"].text()
    if not y.KEYS.fullmatch(text):
        raise keys["press"].wrong("press 只能有 0–9、*、# 和 {占位符}")
    return Press(text, keys["every"].duration() if "every" in keys else 250)


def _plays(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    y.only(keys, ("play", "for", "snr"))
    what = keys["play"].choice(SOUNDS)
    length = keys["for"].duration() if "for" in keys else 10_000
    return Play(what, length, keys["snr"].number(-20, 60) if "snr" in keys else 3.0)


def _hangs_up(item: Reader, keys: dict[str, Reader], manner: Manner) -> Step:
    y.only(keys, ("hang_up",))
    return HangUp()


_VERBS: dict[str, Callable[[Reader, dict[str, Reader], Manner], Step]] = {
    "say": _said,
    "shout": _said,
    "third_party": _said,
    "wait": _waiting,
    "silence": _waiting,
    "wait_for": _waits_for,
    "interrupt_at": _interrupts,
    "press": _presses,
    "play": _plays,
    "hang_up": _hangs_up,
}
