"""From what was heard to what was said: repair, then numbers in figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from dialects.align import kept
from dialects.heard import Heard
from dialects.likeness import Likeness
from dialects.nbest import Hypothesis
from dialects.pack import DEFAULT, Pack, all_packs
from dialects.repair import Repairer
from dialects.restore import restore
from dialects.syllables import split, toned

YES_NO = "yes_no"
_SOUNDS = dict(
    zip(
        [
            "ling",
            "yao",
            "yi",
            "er",
            "san",
            "si",
            "wu",
            "liu",
            "qi",
            "ba",
            "jiu",
            "dong",
            "guai",
            "gou",
            "liang",
            "shi",
        ],
        "0112345678907924",
        strict=True,
    )
)
"""Digits by their syllables, as they are read out on the telephone; half of China says 四 and 是 alike."""
_TEN = "十"
_ALTERNATIVES = 4


@dataclass(frozen=True)
class Expectation:
    """What is likely to come: ``kind`` as in ``telephony.events.Expected``, phrases, and how many digits."""

    kind: str = "open"
    phrases: tuple[str, ...] = ()
    digits: int | None = None


@lru_cache(maxsize=32)
def repairer_for(pack: Pack) -> Repairer:
    """The pack's own; everybody on a telephone shares Mandarin's confusions with it."""
    tables = [pack.confusions]
    if pack.name != DEFAULT:
        tables.append(all_packs()[DEFAULT].confusions)
    return Repairer(Likeness(tables, pack.tones), pack.repair_below, (*pack.phrases, *pack.words))


def finish(
    heard: Hypothesis,
    pack: Pack,
    expected: Expectation,
    repairer: Repairer | None = None,
    digits: Hypothesis | None = None,
) -> Heard:
    """The utterance as the dialogue gets it; ``words`` stay as they were heard.

    ``digits`` is the same sound heard as nothing but digits; it counts where it has as many as were asked for.
    Where a certain number of digits was asked for and the likeliest text has another, the likeliest one that has it is
    taken: a choice among what was heard, which the dialogue reads back. Where yes or no was asked for, an alternative that
    says it and sounds like the likeliest text is taken.
    """
    repairer = repairer or repairer_for(pack)
    if digits is not None:
        counted = finish(digits, pack, expected, repairer)
        if _count(counted.text) == expected.digits:
            return replace(counted, raw=heard.text, words=heard.words, repaired=counted.text != heard.text)
    repaired = repairer.repair(heard.text, heard.signs, expected.phrases, heard.alternatives)
    texts = [restore(repaired.text, expected.kind)]
    if expected.digits is not None:
        others = [restore(each, expected.kind) for each in heard.alternatives]
    else:
        others = [
            restore(_repaired(each, heard.text, expected, repairer), expected.kind)
            for each in heard.alternatives[:_ALTERNATIVES]
        ]
    texts += [each for each in dict.fromkeys(others) if each != texts[0]]
    chosen = 0
    if expected.digits is not None and _count(texts[0]) != expected.digits:
        chosen = next((n for n, each in enumerate(texts) if _count(each) == expected.digits), 0)
        if not chosen and (sounded := _as_digits(heard.text, expected.digits)):
            texts.append(sounded)
            chosen = len(texts) - 1
    elif expected.kind == YES_NO:
        chosen = next((n for n, each in enumerate(texts) if _answers(each, texts[0], expected)), 0)
    return Heard(
        text=texts[chosen],
        raw=heard.text,
        confidence=round(heard.confidence, 4),
        pack=pack.name,
        words=heard.words,
        alternatives=tuple(texts[:chosen] + texts[chosen + 1 :])[:_ALTERNATIVES],
        repaired=repaired.changed or chosen > 0,
    )


def _repaired(other: str, best: str, expected: Expectation, repairer: Repairer) -> str:
    """An alternative repaired where it differs from the best text; nothing tells how sure the rest of it is."""
    signs = [1.0 if same else 0.0 for same in kept(other, best)]
    return repairer.repair(other, signs, expected.phrases).text


def _as_digits(text: str, count: int) -> str:
    """``text`` as digits when every sign of it sounds like one (零幺武器) and there are as many as asked for, else nothing."""
    signs = [
        "" if sign == _TEN else _SOUNDS.get(sound, "")
        for sign, (sound, _) in zip(text, toned(text), strict=True)
    ]
    return "".join(signs) if len(signs) == count and all(signs) else ""


def _answers(text: str, best: str, expected: Expectation) -> bool:
    """Whether an alternative is one of the answers asked for and sounds like the likeliest text: 对 for 递, 行 for 情.

    A syllable alone is easily misheard; nothing but its neighbours in sound may become a yes.
    """
    if text not in expected.phrases or len(text) != len(best):
        return False
    return all(_alike(one, other) for one, other in zip(toned(text), toned(best), strict=True))


def _alike(one: tuple[str, int], other: tuple[str, int]) -> bool:
    if one[1] != other[1]:
        return False
    return any(a == b for a, b in zip(split(one[0]), split(other[0]), strict=True))


def _count(text: str) -> int:
    return sum(sign.isdigit() or sign == "X" for sign in text)
