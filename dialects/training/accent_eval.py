"""Accents to measure with, made of other rules than those trained with.

They differ from :mod:`dialects.training.accent` in three ways: other shares (a Sichuanese who keeps half of the retroflex
sounds, a Cantonese speaker who merges more finals), sounds that training leaves alone (e–o, u–ou, ian–an, x–s before i,
aspirates, zh–j), and another tone map. They are as little measured on people as the others.
"""

from __future__ import annotations

from dialects.training.accent import Accent, Change

_FLAT = {"zh": "z", "ch": "c", "sh": "s"}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SICHUAN = Accent(
    "sichuan",
    (
        Change(0.55, _set("zh ch sh"), initial=_FLAT, final={"iii": "ii"}),
        Change(0.5, _set("l"), _set("an ang ai ao ou u ong"), initial={"l": "n"}),
        Change(0.3, _set("n"), _set("i ian iang iao ie in ing iou v ve"), initial={"n": "l"}),
        Change(0.6, _set("h"), _set("u"), initial={"h": "f"}),
        Change(0.7, finals=_set("ing eng"), final={"ing": "in", "eng": "en"}),
        Change(0.3, finals=_set("in en"), final={"in": "ing", "en": "eng"}),
        Change(0.5, _set("g k h ^"), _set("e"), final={"e": "o"}),
        Change(0.4, _set("d t n l z c s"), _set("uei uen"), final={"uei": "ei", "uen": "en"}),
        Change(0.3, _set("j q x"), _set("ie"), final={"ie": "ai"}, initial={"j": "g", "q": "k", "x": "h"}),
    ),
    {"1": "5", "2": "4", "3": "4", "4": "3", "5": "5"},
    tone_share=0.8,
)

CANTONESE = Accent(
    "cantonese",
    (
        Change(
            0.5,
            _set("zh ch sh"),
            _set("i iii e en eng ou u"),
            initial={"zh": "j", "ch": "q", "sh": "x"},
            final={"iii": "i", "e": "ie", "en": "in", "eng": "ing", "ou": "iou", "u": "v"},
        ),
        Change(0.5, _set("zh ch sh"), initial=_FLAT, final={"iii": "ii"}),
        Change(0.5, _set("z c s"), _set("ii"), initial={"z": "j", "c": "q", "s": "x"}, final={"ii": "i"}),
        Change(0.6, _set("r"), initial={"r": "l"}, final={"iii": "i"}),
        Change(0.8, _set("n"), _set("an ai ao ei eng ong i ian iou"), initial={"n": "l"}),
        Change(0.4, _set("h"), _set("ua uan uang uo uei"), initial={"h": "^"}),
        Change(0.3, finals=_set("ang eng ing"), final={"ang": "an", "eng": "en", "ing": "in"}),
        Change(0.35, finals=_set("ao"), final={"ao": "ou"}),
        Change(0.3, finals=_set("ou"), final={"ou": "u"}),
        Change(
            0.3,
            _set("j q x"),
            _set("v van ve"),
            final={"v": "u", "van": "an", "ve": "e"},
            initial={"j": "zh", "q": "ch", "x": "sh"},
        ),
    ),
    {"1": "1", "2": "2", "3": "4", "4": "3", "5": "1"},
    tone_share=0.6,
)

MEASURED = {accent.name: accent for accent in (SICHUAN, CANTONESE)}
STRENGTHS = {"light": 0.5, "heavy": 1.0}
