"""When each phone sounds: interval labels for training, and forced alignment where the synthesiser does not tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dialects.training.phones import OUTPUTS, SILENCE
from dialects.training.speech import Interval

LABEL_S = 0.03
"""One label every three frames of 10 ms."""
_CENTRE_S = 0.0125
_PAUSE_COST = 4.0
_PAUSE_S = 0.14
"""A shorter silence inside an utterance is the end of the syllable before it."""
_INDEX = {phone: number for number, phone in enumerate(OUTPUTS)}


def labels(
    intervals: Sequence[Interval], frames: int, lead: float = 0.0, factor: float = 1.0
) -> NDArray[np.int16]:
    """One output number every 30 ms for ``frames`` frames of 10 ms.

    ``intervals`` lasted ``factor`` times as long and came ``lead`` seconds later. Every phone gets at least one label
    where a neighbour can spare one, however short it was.
    """
    count = -(-frames // 3)
    spans = [(SILENCE, 0.0), *((p, b * factor + lead) for p, b, _ in intervals)]
    starts = np.array([begin for _, begin in spans])
    which = np.clip(
        np.searchsorted(starts, np.arange(count) * LABEL_S + _CENTRE_S, "right") - 1, 0, len(spans) - 1
    )
    sizes = np.bincount(which, minlength=len(spans))
    for number, (phone, begin) in enumerate(spans):
        if sizes[number] or phone == SILENCE:
            continue
        nearest = round((begin - _CENTRE_S) / LABEL_S)
        for at in (nearest, nearest - 1, nearest + 1):
            if 0 <= at < count and sizes[which[at]] > 1 and abs(int(which[at]) - number) == 1:
                sizes[which[at]] -= 1
                which[at] = number
                sizes[number] = 1
                break
    return np.array([_INDEX[spans[number][0]] for number in which], np.int16)


def forced(scores: NDArray[np.float32], phones: Sequence[str]) -> tuple[list[Interval], float] | None:
    """The likeliest times of ``phones``, with silences allowed between syllables.

    ``scores`` are log-likelihoods, labels × outputs. Returns intervals and the mean score a label, or ``None`` when there
    are fewer labels than phones.
    """
    count = len(scores)
    if count < len(phones) + 1:
        return None
    states, skippable = [SILENCE], [True]
    for at in range(0, len(phones), 2):
        states += [phones[at], phones[at + 1], SILENCE]
        skippable += [False, False, True]
    size = len(states)
    local = scores[:, [_INDEX[state] for state in states]].astype(np.float64)
    skip = np.array([True, *skippable[:-1]])
    pause = np.where(np.array(skippable), -_PAUSE_COST, 0.0)
    pause[[0, size - 1]] = 0.0
    best = np.full(size, -np.inf)
    best[:2] = local[0, :2]
    back = np.zeros((count, size), np.int8)
    for at in range(1, count):
        one = np.concatenate([[-np.inf], best[:-1]]) + pause
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf)
        # From a phone over an optional silence to the next phone, never over a phone.
        two[np.array(skippable)] = -np.inf
        choices = np.stack([best, one, two])
        back[at] = choices.argmax(0)
        best = choices.max(0) + local[at]
    state = size - 1 if best[size - 1] > best[size - 2] else size - 2
    score = float(best[state] / count)
    if not np.isfinite(score):
        return None
    path = [state]
    for at in range(count - 1, 0, -1):
        state -= int(back[at, state])
        path.append(state)
    path.reverse()
    return _spans(states, path), score


def named(intervals: Sequence[Interval], phones: Sequence[str]) -> list[Interval]:
    """``intervals`` of as many other phones, with the names of ``phones``; silences stay."""
    left = iter(phones)
    return [(phone if phone == SILENCE else next(left), begin, end) for phone, begin, end in intervals]


def _spans(states: Sequence[str], path: Sequence[int]) -> list[Interval]:
    spans: list[Interval] = []
    begin = 0.0
    for at, state in enumerate(path):
        if at + 1 == len(path) or path[at + 1] != state:
            end = (at + 1) * LABEL_S
            if states[state] == SILENCE and spans and end - begin < _PAUSE_S and at + 1 < len(path):
                spans[-1] = (spans[-1][0], spans[-1][1], end)
            else:
                spans.append((states[state], begin, end))
            begin = end
    return spans
