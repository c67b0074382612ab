"""Vosk's two-part graph without Kaldi: ``HCLr.fst`` (sounds to words) and ``Gr.fst`` (words in a row).

The lexicon is a tree over phones, deterministic by construction and with equal endings shared; a word comes out where it is
the only one left, and words that sound alike part at their last phone. Phone p enters by transition 2p and stays by
2p−1 (one state a phone, self-loop after the forward arc). Words are numbered along the tree, so that what a state can still
say is a short list of intervals: OpenFst's look-ahead needs them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dialects.training.fst import Fst, const_bytes, lookahead_bytes
from dialects.training.lexicon import Lexicon
from dialects.training.lm import END, START, History, Model
from dialects.training.phones import NUMBERS, PHONES, SILENCE, Syllable, word_phones

UNKNOWN = "[unk]"
_SILENCE_SHARE = 0.12
_ALTERNATIVE_COST = 0.7
_UNKNOWN_COST = 3.0
_EDGE_COST = math.log(2)
_SIL = NUMBERS[SILENCE]

Outgoing = tuple[int, str | None, float, "_Node | None"]
"""Phone, word, cost and where it leads: ``None`` is the end of the word."""


@dataclass
class _Node:
    children: dict[int, _Node] = field(default_factory=dict)
    endings: dict[int, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Graph:
    """Files of the ``graph`` folder by name."""

    files: Mapping[str, bytes]
    words: Mapping[str, int]


def entries(lexicon: Lexicon) -> list[tuple[str, tuple[int, ...], float]]:
    """Word, phone numbers, cost; with :data:`UNKNOWN` as any one syllable."""
    rows: list[tuple[str, tuple[int, ...], float]] = []
    single: set[Syllable] = set()
    for word in sorted(lexicon.words):
        for at, pronunciation in enumerate(lexicon.words[word]):
            rows.append((word, word_phones(pronunciation), _ALTERNATIVE_COST if at else 0.0))
            single.update(pronunciation)
    rows.extend((UNKNOWN, word_phones([syllable]), _UNKNOWN_COST) for syllable in sorted(single))
    return rows


def _tree(rows: Sequence[tuple[str, tuple[int, ...], float]]) -> _Node:
    root = _Node()
    for word, phones, cost in rows:
        node = root
        for phone in phones[:-1]:
            node = node.children.setdefault(phone, _Node())
        if all(word != other for other, _ in node.endings[phones[-1]]):
            node.endings[phones[-1]].append((word, cost))
    return root


def _only_word(node: _Node) -> tuple[str, float] | None:
    """The word (and its cost) that this subtree spells, when it is the only one."""
    while True:
        if len(node.children) + len(node.endings) != 1:
            return None
        if node.endings:
            (found,) = node.endings.values()
            return found[0] if len(found) == 1 else None
        (node,) = node.children.values()


class _Maker:
    """Turns the tree into states. A state stands for (phone just entered, node), so that it can hold the self-loop."""

    def __init__(self) -> None:
        self.fst = Fst()
        self.words: dict[str, int] = {}
        self._shared: dict[tuple[object, ...], int] = {}
        self._after_word: dict[int, int] = {}

    def number(self, word: str) -> int:
        return self.words.setdefault(word, len(self.words) + 1)

    def end(self, phone: int) -> int:
        """The state after a word's last phone; filled in at the end, when the root is known."""
        if phone not in self._after_word:
            self._after_word[phone] = self.fst.state()
        return self._after_word[phone]

    def node(self, phone: int, node: _Node, said: bool) -> int:
        """The state for ``node``, entered by ``phone``; ``said``: its word is out already."""
        row = self.row(node, said)
        key = (phone, *row)
        if key not in self._shared:
            self._shared[key] = self.fst.state()
            self.fst.arcs[self._shared[key]] = [*row]
            self._loop(self._shared[key], phone)
        return self._shared[key]

    def row(self, node: _Node, said: bool) -> list[tuple[int, int, float, int]]:
        """Arcs out of a node."""
        arcs: list[tuple[int, int, float, int]] = []
        for phone in sorted(node.endings):
            for word, cost in node.endings[phone]:
                arcs.append(
                    (2 * phone, 0 if said else self.number(word), 0.0 if said else cost, self.end(phone))
                )
        for phone, child in sorted(node.children.items()):
            only = None if said else _only_word(child)
            label, cost = (self.number(only[0]), only[1]) if only else (0, 0.0)
            arcs.append((2 * phone, label, cost, self.node(phone, child, said or only is not None)))
        return arcs

    def _loop(self, state: int, phone: int) -> None:
        self.fst.arcs[state].append((2 * phone - 1, 0, 0.0, state))

    def finish(self, root: _Node) -> None:
        """Start, silence and word ends."""
        words = self.row(root, said=False)
        say, pause = -math.log(1 - _SILENCE_SHARE), -math.log(_SILENCE_SHARE)
        silent = self.fst.state()
        self.fst.arcs[silent] = [*words]
        self._loop(silent, _SIL)
        self.fst.final[silent] = 0.0
        for phone, state in self._after_word.items():
            self.fst.arcs[state] = [(i, o, w + say, n) for i, o, w, n in words]
            self.fst.arcs[state].append((2 * _SIL, 0, pause, silent))
            self._loop(state, phone)
            self.fst.final[state] = say
        self.fst.start = self.fst.state()
        self.fst.arcs[self.fst.start] = [(i, o, w + _EDGE_COST, n) for i, o, w, n in words]
        self.fst.arcs[self.fst.start].append((2 * _SIL, 0, _EDGE_COST, silent))


def reachable(fst: Fst, final_label: int) -> list[list[tuple[int, int]]]:
    """A state's next output labels as half-open intervals; ``final_label`` where it can end without any."""
    silent_after: list[list[int]] = [[n for _, o, _, n in arcs if o == 0] for arcs in fst.arcs]
    own = [
        {o for _, o, _, _ in arcs if o} | ({final_label} if s in fst.final else set())
        for s, arcs in enumerate(fst.arcs)
    ]
    sets: dict[int, int] = {}
    # Most states inside a word can say everything that follows a word: equal sets are kept once, under a number.
    numbers: dict[frozenset[int], int] = {}
    kept: list[frozenset[int]] = []
    for component in _components(silent_after):
        members = set(component)
        labels: set[int] = set().union(*(own[state] for state in component))
        following = {
            sets[after] for state in component for after in silent_after[state] if after not in members
        }
        if not labels and len(following) == 1:
            (number,) = following
        else:
            frozen = frozenset(labels.union(*(kept[other] for other in following)))
            number = numbers.setdefault(frozen, len(kept))
            if number == len(kept):
                kept.append(frozen)
        for state in component:
            sets[state] = number
    intervals = [_intervals(labels) for labels in kept]
    return [intervals[sets[state]] for state in range(len(fst.arcs))]


def _intervals(labels: frozenset[int]) -> list[tuple[int, int]]:
    found: list[list[int]] = []
    for label in sorted(labels):
        if found and found[-1][1] == label:
            found[-1][1] = label + 1
        else:
            found.append([label, label + 1])
    return [(begin, end) for begin, end in found]


def _components(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, successors first (Tarjan, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    stacked: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(after)):
        if root in index:
            continue
        work = [(root, iter(after[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        stacked.add(root)
        while work:
            state, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    stacked.add(other)
                    work.append((other, iter(after[other])))
                    break
                if other in stacked:
                    low[state] = min(low[state], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    component: list[int] = []
                    while not component or component[-1] != state:
                        component.append(stack.pop())
                        stacked.discard(component[-1])
                    found.append(component)
    return found


def grammar(model: Model, words: Mapping[str, int]) -> Fst:
    """The language model as an automaton; the empty label backs off."""
    fst = Fst()
    states: dict[History, int] = {
        history: fst.state() for history in sorted(model.words, key=lambda h: (len(h), h))
    }
    fst.start = states[(START,)] if (START,) in states else states[()]
    for history, state in states.items():
        for word, probability in model.words[history].items():
            cost = -math.log(probability)
            if word == END:
                fst.final[state] = cost
            elif word in words:
                longest = (*history, word)[-2:]
                target = next(longest[at:] for at in range(3) if longest[at:] in states)
                fst.arcs[state].append((words[word], words[word], cost, states[target]))
        if history:
            fst.arcs[state].append((0, 0, -math.log(model.backoff[history]), states[history[1:]]))
    fst.sort(0)
    return fst


def build(lexicon: Lexicon, model: Model) -> Graph:
    """All files of the ``graph`` folder."""
    maker = _Maker()
    maker.finish(_tree(entries(lexicon)))
    final_label = len(maker.words) + 1
    maker.fst.sort(1)
    names = ["<eps> 0", *(f"{word} {number}" for word, number in maker.words.items())]
    phones = ["<eps> 0", *(f"{name} {number}" for number, (name, _, _) in enumerate(PHONES, 1))]
    positions = [f"{number} {position}" for number, (_, position, _) in enumerate(PHONES, 1)]
    return Graph(
        {
            "HCLr.fst": lookahead_bytes(maker.fst, reachable(maker.fst, final_label), final_label),
            "Gr.fst": const_bytes(grammar(model, maker.words), 0),
            "words.txt": _lines(names),
            "phones.txt": _lines(phones),
            "phones/word_boundary.int": _lines(positions),
            # The lexicon is deterministic without them; Vosk wants the file, and a number no arc carries.
            "disambig_tid.int": _lines([str(2 * len(PHONES) + 1)]),
        },
        maker.words,
    )


def _lines(rows: Sequence[str]) -> bytes:
    return "".join(row + "\n" for row in rows).encode()
