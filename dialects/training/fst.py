"""Writes automata the way OpenFst does, so that Vosk reads them: ``const`` and, for look-ahead, ``olabel_lookahead``.

Formats: OpenFst 1.8, ``FstHeader``, ``ConstFst::WriteFst``, ``MatcherFst`` with ``LabelReachableData``. All numbers little endian.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

_MAGIC = 2125659606
_LOOKAHEAD_MAGIC = 446681434
_UNALIGNED = 2
_EXPANDED = 0x1
_ACCEPTOR, _NOT_ACCEPTOR = 0x10000, 0x20000
_INPUT_SORTED, _OUTPUT_SORTED = 0x10000000, 0x40000000
_ARC = np.dtype([("ilabel", "<i4"), ("olabel", "<i4"), ("weight", "<f4"), ("next", "<i4")])
_STATE = np.dtype([("final", "<f4"), ("pos", "<u4"), ("arcs", "<u4"), ("ieps", "<u4"), ("oeps", "<u4")])

Arc = tuple[int, int, float, int]
"""Input label, output label, cost, next state; label 0 is empty."""


@dataclass
class Fst:
    """An automaton in the making; state numbers are indices of ``arcs``."""

    arcs: list[list[Arc]] = field(default_factory=list)
    final: dict[int, float] = field(default_factory=dict)
    start: int = 0

    def state(self) -> int:
        """A new state."""
        self.arcs.append([])
        return len(self.arcs) - 1

    def sort(self, by: int) -> None:
        """Sort every state's arcs by input (0) or output (1) label."""
        for arcs in self.arcs:
            arcs.sort(key=lambda arc: (arc[by], arc))


def const_bytes(fst: Fst, sorted_by: int) -> bytes:
    """The automaton as a ``const`` file; its arcs are already sorted by input (0) or output (1) label."""
    count = sum(map(len, fst.arcs))
    states = np.zeros(len(fst.arcs), _STATE)
    arcs = np.zeros(count, _ARC)
    states["final"] = math.inf
    at = 0
    for number, row in enumerate(fst.arcs):
        states[number] = (
            fst.final.get(number, math.inf), at, len(row), sum(a[0] == 0 for a in row), sum(a[1] == 0 for a in row),
        )  # fmt: skip
        if row:
            arcs[at : at + len(row)] = row
        at += len(row)
    header = _header("const", _UNALIGNED, _properties(arcs, sorted_by), fst.start, len(states), count)
    return header + states.tobytes() + arcs.tobytes()


def lookahead_bytes(fst: Fst, reachable: Sequence[Sequence[tuple[int, int]]], final_label: int) -> bytes:
    """An output-sorted automaton with, a state, the half-open intervals of output labels that can come next."""
    inner = const_bytes(fst, 1)
    properties = struct.unpack_from("<Q", inner, len(_header("const", 0, 0, 0, 0, 0)) - 32)[0]
    parts = [
        _header("olabel_lookahead", 1, properties, -1, 0, 0),
        struct.pack("<i", _LOOKAHEAD_MAGIC),
        inner,
        # An add-on is present for the first matcher only; it looks ahead on output labels and keeps no label map.
        b"\x01\x00\x01\x00\x00",
        struct.pack("<iq", final_label, len(reachable)),
    ]
    for intervals in reachable:
        parts.append(struct.pack("<q", len(intervals)))
        parts.extend(struct.pack("<ii", *interval) for interval in intervals)
        parts.append(struct.pack("<i", sum(end - begin for begin, end in intervals)))
    return b"".join(parts)


def read_const(content: bytes) -> Fst:
    """Read back what :func:`const_bytes` wrote. Raises :class:`ValueError` for any other file."""
    if struct.unpack_from("<i", content)[0] != _MAGIC or content[8:13] != b"const":
        raise ValueError("not a const automaton")
    size = len(_header("const", 0, 0, 0, 0, 0))
    start, count, arc_count = struct.unpack_from("<qqq", content, size - 24)
    states = np.frombuffer(content, _STATE, count, size)
    arcs = np.frombuffer(content, _ARC, arc_count, size + states.nbytes)
    fst = Fst(start=start)
    for number, (final, at, many, _, _) in enumerate(states.tolist()):
        fst.arcs.append([(i, o, w, n) for i, o, w, n in arcs[at : at + many].tolist()])
        if not math.isinf(final):
            fst.final[number] = final
    return fst


def _header(kind: str, version: int, properties: int, start: int, states: int, arcs: int) -> bytes:
    name, standard = kind.encode(), b"standard"
    return b"".join(
        (
            struct.pack("<i", _MAGIC), struct.pack("<i", len(name)), name, struct.pack("<i", len(standard)), standard,
            struct.pack("<iiQqqq", version, 0, properties, start, states, arcs),
        )
    )  # fmt: skip


def _properties(arcs: np.ndarray, sorted_by: int) -> int:
    same = bool((arcs["ilabel"] == arcs["olabel"]).all())
    order = _OUTPUT_SORTED if sorted_by else _INPUT_SORTED
    if same:
        order = _INPUT_SORTED | _OUTPUT_SORTED
    return _EXPANDED | (_ACCEPTOR if same else _NOT_ACCEPTOR) | order
