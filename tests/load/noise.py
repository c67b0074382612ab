"""Makes recogniser-like noise: words and characters replaced by others that sound alike, some lost, some added.

Used once to write the committed sets ``nlu_data/eval/*/noise.yml``; never used in training, whose own noise
(``bot/components/noise.py``) comes from other tables.

    .venv/bin/python -m tests.load.noise --seed 7 --rate 0.15 --out FILE SET.yml…
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import jieba
import yaml
from pypinyin import lazy_pinyin

_SUBSTITUTED, _DELETED = 0.75, 0.15
"""Shares of the errors; the rest is insertions. Near what Chinese recognisers do on telephone speech."""
_INSERTED = "嗯啊哦呃那个的了就是这"
_ALIKE = (
    ("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n"), ("f", "h"), ("r", "l"), ("b", "p"), ("d", "t"),
    ("j", "q"), ("x", "sh"), ("g", "k"),
    ("ang", "an"), ("eng", "en"), ("ing", "in"), ("iang", "ian"), ("uang", "uan"), ("ou", "ao"), ("ie", "ei"),
)  # fmt: skip
_RARE = 300
"""Words of jieba's list counted less often than this are nothing that a recogniser would write."""


@lru_cache(maxsize=1)
def _inventory() -> tuple[dict[str, list[tuple[str, int]]], dict[str, list[tuple[str, int]]]]:
    """Characters by syllable and two-character words by their two syllables, with counts."""
    jieba.initialize()
    counts: dict[str, int] = defaultdict(int)
    words: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for word, count in jieba.dt.FREQ.items():
        if not count or not all("\u4e00" <= sign <= "\u9fff" for sign in word):
            continue
        for sign in word:
            counts[sign] += count
        if len(word) == 2 and count >= _RARE:
            words[" ".join(lazy_pinyin(word))].append((word, count))
    signs: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for sign, count in counts.items():
        if count >= _RARE:
            signs[lazy_pinyin(sign)[0]].append((sign, count))
    return dict(signs), dict(words)


def _neighbours(syllable: str) -> Iterator[str]:
    for one, other in _ALIKE:
        for old, new in ((one, other), (other, one)):
            if syllable.startswith(old) and not (old in "zcs" and syllable[1:2] == "h"):
                yield new + syllable[len(old) :]
            if syllable.endswith(old):
                yield syllable[: -len(old)] + new


def _other(found: Sequence[tuple[str, int]], avoid: str, draw: random.Random) -> str | None:
    left = [(item, count) for item, count in found if item != avoid]
    if not left:
        return None
    return draw.choices([item for item, _ in left], [count**0.5 for _, count in left])[0]


def _misheard(text: str, draw: random.Random) -> str:
    """``text`` (one or two characters) as something that sounds alike, itself when nothing does."""
    signs, words = _inventory()
    syllables = lazy_pinyin(text)
    table = words if len(text) == 2 else signs
    place = draw.randrange(len(syllables))
    near = list(_neighbours(syllables[place]))
    keys = [" ".join(syllables)]
    if near and draw.random() < 0.4:
        keys.insert(0, " ".join([*syllables[:place], draw.choice(near), *syllables[place + 1 :]]))
    for key in keys:
        if other := _other(table.get(key, ()), text, draw):
            return other
    return text if len(text) == 1 else text[0] + _misheard(text[1], draw)


def noisy(text: str, rate: float, draw: random.Random) -> str:
    """``text`` with errors in about ``rate`` of its Han characters; other signs stay."""
    out: list[str] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if not "\u4e00" <= sign <= "\u9fff" or draw.random() >= rate:
            out.append(sign)
            at += 1
            continue
        kind = draw.random()
        if kind < _SUBSTITUTED:
            pair = text[at : at + 2]
            wide = len(pair) == 2 and "\u4e00" <= pair[1] <= "\u9fff" and draw.random() < 0.3
            out.append(_misheard(pair if wide else sign, draw))
            at += 2 if wide else 1
        elif kind < _SUBSTITUTED + _DELETED:
            at += 1
        else:
            out.extend((sign, draw.choice(_INSERTED)))
            at += 1
    return "".join(out) or text


def errors(heard: str, said: str) -> int:
    """Edit distance in characters."""
    row = list(range(len(said) + 1))
    for place, sign in enumerate(heard, 1):
        last, row[0] = row[0], place
        for column, other in enumerate(said, 1):
            last, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, last + (sign != other)),
            )
    return row[-1]


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
        for line in block["examples"].splitlines():
            if line.strip().startswith("- "):
                yield block["intent"], line.strip()[2:]


def main() -> None:
    """Write one noisy set from clean ones, with the rate that came out in its head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.15)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("sets", type=Path, nargs="+")
    given = parser.parse_args()
    draw = random.Random(given.seed)
    made: dict[str, list[str]] = defaultdict(list)
    wrong = total = 0
    for path in given.sets:
        for intent, said in _lines(path):
            heard = noisy("".join(s for s in said if s not in "，。！？、；：…~,.!?"), given.rate, draw)
            clean = "".join(s for s in said if s not in "，。！？、；：…~,.!?")
            wrong += errors(heard, clean)
            total += len(clean)
            made[intent].append(heard)
    head = f"# Made by tests/load/noise.py, seed {given.seed}: {wrong / total:.1%} character errors, no punctuation.\n"
    body = "".join(
        f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
        for intent, lines in made.items()
    )
    given.out.write_text(f'{head}version: "3.1"\nnlu:\n{body}', encoding="utf-8")
    print(f"{sum(map(len, made.values()))} lines, {wrong / total:.1%} character errors → {given.out}")


if __name__ == "__main__":
    main()
