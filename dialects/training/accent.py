"""Accents as rules on phones: how a speaker of the region is heard when the text is Mandarin.

A rule never changes how many phones there are, so the standard phones keep their place in time. Written from
descriptions of the accents, not measured. ``SICHUAN`` and ``CANTONESE`` are for training; what models are measured with
stands in ``accent_eval.py`` and differs in strength, in the words affected and in tones.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dialects.training.phones import OUTPUTS, Syllable

_KNOWN = frozenset(OUTPUTS)
_OFTENER = 1.8
_TONES = ("1", "2", "3", "4")
_OWN_TONE, _OTHER_TONE = 0.25, 0.35


@dataclass(frozen=True)
class Change:
    """In a syllable whose initial is in ``initials`` (empty: any) and final in ``finals`` (empty: any), ``share`` of
    the time: its initial becomes ``initial`` and its final ``final[its final]`` (untouched when not named)."""

    share: float
    initials: frozenset[str] = frozenset()
    finals: frozenset[str] = frozenset()
    initial: Mapping[str, str] = field(default_factory=dict)
    final: Mapping[str, str] = field(default_factory=dict)

    def fits(self, initial: str, final: str) -> bool:
        """Whether the rule may apply here."""
        return (not self.initials or initial in self.initials) and (not self.finals or final in self.finals)


@dataclass(frozen=True)
class Accent:
    """Changes in their order, and tones by their usual number; ``tone_share`` of the utterances take these tones."""

    name: str
    changes: tuple[Change, ...]
    tones: Mapping[str, str]
    tone_share: float = 1.0


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FLAT = {"zh": "z", "ch": "c", "sh": "s"}
_UNROUND = {"uei": "ei", "uen": "en", "uan": "an", "uang": "ang", "ua": "a", "uo": "o", "uai": "ai"}
_NOT_BEFORE_I = _set("a ai an ang ao e ei en eng ong ou u uan uen uo")

SICHUAN = Accent(
    "sichuan",
    (
        Change(1.0, _set("zh ch sh"), initial=_FLAT, final={"iii": "ii"}),
        Change(0.4, _set("r"), initial={"r": "z"}, final={"iii": "ii"}),
        Change(1.0, _set("n"), _NOT_BEFORE_I, initial={"n": "l"}),
        Change(1.0, _set("h"), _set("u"), initial={"h": "f"}),
        Change(
            0.4,
            _set("f"),
            _set("ei an ang"),
            initial={"f": "h"},
            final={"ei": "uei", "an": "uan", "ang": "uang"},
        ),
        Change(1.0, finals=_set("ing eng ueng"), final={"ing": "in", "eng": "en", "ueng": "uen"}),
        Change(0.4, _set("g k h"), _set("e"), final={"e": "uo"}),
    ),
    {"1": "1", "2": "3", "3": "4", "4": "2", "5": "5"},
)

CANTONESE = Accent(
    "cantonese",
    (
        Change(0.8, _set("zh ch sh"), initial=_FLAT, final={"iii": "ii"}),
        Change(0.35, _set("j q x"), initial={"j": "z", "q": "c", "x": "s"}, final={"i": "ii"}),
        Change(
            0.8,
            _set("r"),
            initial={"r": "^"},
            final={"en": "in", "an": "ian", "ang": "iang", "ou": "iou", "e": "ie", "iii": "i", "u": "v"},
        ),
        Change(0.3, _set("r"), initial={"r": "l"}, final={"iii": "i"}),
        Change(0.6, _set("n"), initial={"n": "l"}),
        Change(0.5, _set("h"), _set("u ua uo uei uen uan uang"), initial={"h": "f"}, final=_UNROUND),
        Change(0.25, _set("k"), _set("u ua uo uei uen uan uang uai"), initial={"k": "f"}, final=_UNROUND),
        Change(0.3, finals=_set("ve v van vn"), final={"ve": "ie", "v": "i", "van": "ian", "vn": "in"}),
        Change(0.25, finals=_set("an en in"), final={"an": "ang", "en": "eng", "in": "ing"}),
        Change(0.25, finals=_set("uo"), final={"uo": "o"}),
    ),
    {"1": "1", "2": "3", "3": "4", "4": "1", "5": "5"},
    tone_share=0.7,
)

TRAINED = {accent.name: accent for accent in (SICHUAN, CANTONESE)}


def of_a_speaker(rules: Accent, draw: random.Random) -> Accent:
    """The accent of somebody from the region: some changes oftener than usual, some seldom, and tones that only partly follow
    the rule. A network that hears one rule only learns that rule, not to make do with what it can be sure of."""
    changes = tuple(replace(c, share=min(1.0, c.share * draw.uniform(0.0, _OFTENER))) for c in rules.changes)
    tones = dict(rules.tones)
    for tone in _TONES:
        kind = draw.random()
        if kind < _OWN_TONE:
            tones[tone] = tone
        elif kind < _OWN_TONE + _OTHER_TONE:
            tones[tone] = draw.choice(_TONES)
    return replace(rules, changes=changes, tones=tones)


def spoken(
    syllables: Sequence[Syllable], accent: Accent, strength: float, draw: random.Random
) -> tuple[Syllable, ...]:
    """What is heard of ``syllables``; ``strength`` 0 (none) to 1 (each change as often as its share says)."""
    tones = accent.tones if draw.random() < strength * accent.tone_share else {}
    return tuple(_changed(syllable, accent.changes, tones, strength, draw) for syllable in syllables)


def _changed(
    syllable: Syllable,
    changes: Sequence[Change],
    tones: Mapping[str, str],
    strength: float,
    draw: random.Random,
) -> Syllable:
    initial, (final, tone) = syllable[0], (syllable[1][:-1], syllable[1][-1])
    for change in changes:
        if change.fits(initial, final) and draw.random() < strength * change.share:
            initial = change.initial.get(initial, initial)
            final = change.final.get(final, final)
    heard = initial, final + tones.get(tone, tone)
    return heard if heard[0] in _KNOWN and heard[1] in _KNOWN else syllable


def sandhi(syllables: Sequence[Syllable], text: str) -> tuple[Syllable, ...]:
    """Tones as they are said in a row: 3+3 → 2+3, 不 before a fourth tone → 2, 一 → 2 before a fourth tone, else 4."""
    said = list(syllables)
    for at in range(len(said) - 2, -1, -1):
        here, after = said[at][1], said[at + 1][1][-1]
        tone = here[-1]
        if text[at] == "不" and after == "4":
            tone = "2"
        elif text[at] == "一" and here == "i1" and text[at + 1] not in "二三四五六七八九零一月号日":
            tone = "2" if after == "4" else "4"
        elif tone == "3" and after == "3":
            tone = "2"
        said[at] = said[at][0], here[:-1] + tone
    return tuple(said)
