"""What is wrong with the training examples: repeated, near-duplicate, contradictory, leaked or missing ones.

Letters decide, not vectors: two questions about the same thing (能缓吗, 帮我办缓缴) lie close together in any vector space
and belong to different intents.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import yaml
from scipy import sparse

UNSPOKEN = frozenset({"nlu_fallback", "call_opening"})
"""Intents that nobody says: Rasa's own, and steps that a call of ours asks for."""
LEAST = 80
"""Examples an intent needs."""
NEAR = 0.6
"""Share of pairs of letters in common (Dice) from which two lines are compared letter by letter; lines with
:data:`SAME_LETTERS` in common always have more."""
SAME_LETTERS = 0.88
"""Share of letters in common, in order, from which two lines of at least :data:`LONG` letters are one."""
LONG = 7
SHORT = 5
"""Lines of fewer letters that differ in a particle only are left: 可以噻 is how a region says 可以."""
_FILLER = re.compile(r"[\W_]|[吧啊呀嘛呢哦喔哈噢呃额啦嘞噻咧了的]")
_NUMBER = re.compile(r"[0-9零〇一二两三四五六七八九十百千万亿]+")
_POLITE = re.compile(r"^(你好|您好|请问|麻烦问下|那个|喂)")


@dataclass(frozen=True, slots=True)
class Example:
    """One line of ``nlu_data/nlu`` with its intent and where it stands (``file:line``)."""

    text: str
    intent: str
    where: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in Chinese, and where."""

    where: str
    words: str

    def __str__(self) -> str:
        return f"{self.where}：{self.words}"


def read_examples(folder: Path) -> list[Example]:
    """All lines of the Rasa YAML files in ``folder`` and below.

    Raises:
        ValueError: a file is not in that form; the text says which.
    """
    return [example for path in sorted(folder.rglob("*.yml")) for example in read_file(path)]


def read_file(path: Path) -> Iterator[Example]:
    """The lines of one file; errors as :func:`read_examples`."""
    written = path.read_text(encoding="utf-8")
    try:
        blocks = [(str(block["intent"]), str(block["examples"])) for block in yaml.safe_load(written)["nlu"]]
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name} 不是 Rasa 3.1 的意图文件：{error}") from error
    places: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(written.splitlines(), 1):
        places[line.strip()].append(number)
    for intent, examples in blocks:
        for line in examples.splitlines():
            if line.strip().startswith("- "):
                found = places[line.strip()]
                number = found.pop(0) if len(found) > 1 else found[0]
                yield Example(line.strip()[2:].strip(), intent, f"{path.name}:{number}")


def check(
    examples: list[Example],
    evaluated: list[Example],
    intents: Sequence[str],
    described: str,
    reviewed: Sequence[Sequence[str]],
) -> list[Problem]:
    """All problems. ``described`` is the README of the data, ``reviewed`` pairs of lines to be left as they are."""
    pairs = frozenset(frozenset(pair) for pair in reviewed)
    return [
        *missing(examples, intents, described),
        *repeated(examples),
        *leaked(examples, evaluated),
        *templates(examples),
        *alike(examples, pairs),
    ]


def core(text: str) -> str:
    """The line without punctuation, particles, courtesies and case; itself if nothing is left."""
    bare = _FILLER.sub("", _POLITE.sub("", text.lower()))
    return bare or text.lower()


def letters(text: str) -> str:
    """The line without punctuation and case."""
    return re.sub(r"[\W_]", "", text.lower()) or text.lower()


def missing(
    examples: Sequence[Example], intents: Sequence[str], described: str, least: int = LEAST
) -> list[Problem]:
    """Intents of the domain with too few lines or without their paragraph and two near misses in the README."""
    counts: dict[str, int] = defaultdict(int)
    for example in examples:
        counts[example.intent] += 1
    problems = [
        Problem(f"{intent}.yml", f"只有{counts[intent]}句，至少要{least}句")
        for intent in intents
        if counts[intent] < least
    ]
    problems += [
        Problem(f"{intent}.yml", "domain.yml 里没有这个意图") for intent in sorted(set(counts) - set(intents))
    ]
    for intent in intents:
        paragraph = re.search(rf"^\*\*{intent}\.\*\*(.+?)(?=\n\n|\Z)", described, re.MULTILINE | re.DOTALL)
        if paragraph is None:
            problems.append(Problem("README.md", f"缺少意图 {intent} 的说明"))
        elif len(re.findall(r"「", re.split(r"Near\s+misses", paragraph[1])[-1])) < 2:
            problems.append(Problem("README.md", f"意图 {intent} 的说明里要有两个易混的例子（Near misses）"))
    return problems


def repeated(examples: Sequence[Example]) -> list[Problem]:
    """Lines that occur twice, punctuation aside, in one intent or in two."""
    first: dict[str, Example] = {}
    problems = []
    for example in examples:
        earlier = first.setdefault(letters(example.text), example)
        if earlier is not example:
            words = "重复" if earlier.intent == example.intent else f"矛盾：那里是 {earlier.intent}"
            problems.append(Problem(example.where, f"“{example.text}”与 {earlier.where} {words}"))
    return problems


def leaked(examples: Sequence[Example], evaluated: Sequence[Example]) -> list[Problem]:
    """Training lines that also stand in an evaluation set, one- and two-letter words aside: there is no other way to say 好."""
    known = {letters(line.text): line for line in evaluated}
    return [
        Problem(
            example.where,
            f"“{example.text}”也在测评集 {known[letters(example.text)].where} 里，请从训练集删去",
        )
        for example in examples
        if letters(example.text) in known and len(letters(example.text)) > 2
    ]


def templates(examples: Sequence[Example]) -> list[Problem]:
    """Lines of one intent that differ in nothing but a number."""
    seen: dict[tuple[str, str], Example] = {}
    problems = []
    for example in examples:
        shape = _NUMBER.sub("#", core(example.text))
        if "#" not in shape or len(shape) < LONG:
            continue
        earlier = seen.setdefault((example.intent, shape), example)
        if earlier is not example:
            problems.append(
                Problem(example.where, f"“{example.text}”与 {earlier.where} “{earlier.text}”只差一个数")
            )
    return problems


def alike(examples: Sequence[Example], reviewed: frozenset[frozenset[str]]) -> list[Problem]:
    """Near-duplicates within an intent and contradictions between two; ``reviewed`` has pairs left on purpose."""
    problems = []
    cores = [core(example.text) for example in examples]
    for one, other in _close(cores):
        first, second = examples[one], examples[other]
        pair = frozenset((first.text, second.text))
        if pair in reviewed or not _one_line(cores[one], cores[other]):
            continue
        kind = "几乎相同" if first.intent == second.intent else f"几乎相同而意图不同（{first.intent}）"
        problems.append(Problem(second.where, f"“{second.text}”与 {first.where} “{first.text}”{kind}"))
    return problems


def _close(cores: Sequence[str], block: int = 1024) -> Iterator[tuple[int, int]]:
    """Pairs of lines that share at least :data:`NEAR` of their pairs of letters."""
    grams = [{core[i : i + 2] for i in range(len(core) - 1)} for core in cores]
    places = {gram: place for place, gram in enumerate(sorted(set().union(*grams)))}
    columns = [places[gram] for line in grams for gram in line]
    ends = np.cumsum([0, *map(len, grams)])
    table = sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(cores), max(len(places), 1)))
    sizes = np.diff(ends)
    for start in range(0, len(cores), block):
        shared = (table[start : start + block] @ table.T).tocoo()
        rows = shared.row + start
        near = 2 * shared.data >= NEAR * (sizes[rows] + sizes[shared.col])
        for one, other in zip(rows[near], shared.col[near], strict=True):
            if one < other:
                yield int(one), int(other)


def _one_line(one: str, other: str) -> bool:
    if one == other:
        return len(one) >= SHORT
    if min(len(one), len(other)) < LONG or _NUMBER.findall(one) != _NUMBER.findall(other):
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= SAME_LETTERS
