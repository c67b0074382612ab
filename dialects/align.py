"""Two strings laid side by side: how far apart they are, and which characters stand in both."""

from __future__ import annotations

from collections.abc import Sequence


def _shared_ends(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Lengths of the common beginning and, after it, of the common end."""
    shortest = min(len(one), len(other))
    head = 0
    while head < shortest and one[head] == other[head]:
        head += 1
    tail = 0
    while tail < shortest - head and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    return head, tail


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Fewest characters to put in, take out or change to make ``other`` of ``one`` (Levenshtein)."""
    head, tail = _shared_ends(one, other)
    one, other = one[head : len(one) - tail], other[head : len(other) - tail]
    row = list(range(len(other) + 1))
    for place, sign in enumerate(one, 1):
        above = row
        row = [place]
        for at, rival in enumerate(other, 1):
            row.append(min(row[-1] + 1, above[at] + 1, above[at - 1] + (sign != rival)))
    return row[-1]


def kept(one: Sequence[str], other: Sequence[str]) -> list[bool]:
    """For each character of ``one``, whether a shortest way to ``other`` keeps it."""
    head, tail = _shared_ends(one, other)
    inner, rival = one[head : len(one) - tail], other[head : len(other) - tail]
    table = [list(range(len(rival) + 1))]
    for place, sign in enumerate(inner, 1):
        row = [place]
        for at, against in enumerate(rival, 1):
            row.append(min(row[-1] + 1, table[-1][at] + 1, table[-1][at - 1] + (sign != against)))
        table.append(row)
    middle = [False] * len(inner)
    place, at = len(inner), len(rival)
    while place and at:
        same = inner[place - 1] == rival[at - 1]
        if table[place][at] == table[place - 1][at - 1] + (not same):
            place, at = place - 1, at - 1
            middle[place] = same
        elif table[place][at] == table[place - 1][at] + 1:
            place -= 1
        else:
            at -= 1
    return [True] * head + middle + [True] * tail
