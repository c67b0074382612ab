"""The acoustic network as plain arrays, and as Kaldi's ``final.mdl`` (TransitionModel and AmNnetSimple, binary), both ways.

The network is a time-delay net: two convolutions (the second takes every third frame), six factored blocks with shortcuts,
one more layer, log-probabilities of the outputs. Formats: Kaldi ``hmm/transition-model.cc``, ``nnet3/nnet-simple-component.cc``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialects.training.phones import OUTPUTS, PHONES

Array = NDArray[np.float32]

DILATIONS = (1, 1, 2, 2, 3, 3)
"""Of the blocks, in steps of three frames."""
STRIDE = 3
CONTEXT = 3 + STRIDE * sum(DILATIONS)
"""Frames of 10 ms needed before and after the frame that is judged."""
_SELF_LOOP = 0.5


@dataclass(frozen=True)
class Block:
    """``narrow`` (bottleneck, width, 2) looks back, ``wide`` (width, bottleneck, 2) ahead; ``bias`` (width)."""

    narrow: Array
    wide: Array
    bias: Array


@dataclass(frozen=True)
class Network:
    """Weights are (out, in, time) with batch normalisation and feature scaling folded in; ``priors`` sum to one."""

    first: tuple[Array, Array]
    second: tuple[Array, Array]
    blocks: tuple[Block, ...]
    before: tuple[Array, Array]
    output: tuple[Array, Array]
    priors: Array


def priors_from(counts: Sequence[float], floor: float = 0.06, power: float = 0.9) -> Array:
    """Priors of the outputs from how often they were labels.

    A rare phone's tiny prior would make it win everywhere, since smoothed labels floor what the network can say: the
    floor (shared evenly) and the power flatten them.
    """
    share = np.asarray(counts, np.float64) + 20
    share /= share.sum()
    flat = (0.97 * share + floor / len(share)) ** power
    return np.asarray(flat / flat.sum(), np.float32)


def write(network: Network) -> bytes:
    """The bytes of ``am/final.mdl``."""
    return b"\0B" + _transitions() + _nnet(network)


# --- the transition model: one state a phone --------------------------------------------------------------------------


def _transitions() -> bytes:
    count = len(PHONES)
    parts = [
        _token("<TransitionModel>"), _token("<Topology>"), _ints(range(1, count + 1)), _ints([-1] + [0] * count),
        # One entry of two states: the first with its self-loop and the way out, the second final.
        _int(1), _int(2), _int(0), _int(2), _int(0), _float(_SELF_LOOP), _int(1), _float(1 - _SELF_LOOP),
        _int(-1), _int(0), _token("</Topology>"), _token("<Triples>"), _int(count),
    ]  # fmt: skip
    for number, (_, _, output) in enumerate(PHONES, 1):
        parts += [_int(number), _int(0), _int(output)]
    log = math.log(_SELF_LOOP)
    parts += [_token("</Triples>"), _token("<LogProbs>"), _vector([0.0, *([log] * (2 * count))])]
    return b"".join((*parts, _token("</LogProbs>"), _token("</TransitionModel>")))


# --- the network ------------------------------------------------------------------------------------------------------


class _Config:
    """Components in their order with the lines that connect them."""

    def __init__(self, features: int) -> None:
        self.lines = [f"input-node name=input dim={features}"]
        self.components: list[bytes] = []

    def _add(self, name: str, source: str, content: bytes) -> str:
        self.lines.append(f"component-node name={name} component={name} input={source}")
        self.components.append(_token("<ComponentName>") + _token(name) + content)
        return name

    def affine(self, name: str, weights: Array, bias: Array, source: str, offsets: Sequence[int]) -> str:
        inputs = [source if not offset else f"Offset({source}, {offset})" for offset in offsets]
        # Kaldi appends whole frames one after another, so time is the slower index.
        rows = weights.transpose(0, 2, 1).reshape(len(weights), -1)
        content = _token("<FixedAffineComponent>") + _token("<LinearParams>") + _matrix(rows)
        content += _token("<BiasParams>") + _vector(bias) + _token("</FixedAffineComponent>")
        return self._add(name, inputs[0] if len(inputs) == 1 else f"Append({', '.join(inputs)})", content)

    def nonlinear(self, name: str, kind: str, size: int, source: str) -> str:
        empty = b"".join(
            (
                _token("<ValueAvg>"), _vector([]), _token("<DerivAvg>"), _vector([]), _token("<Count>"), _double(0),
                _token("<OderivRms>"), _vector([]), _token("<OderivCount>"), _double(0),
                _token("<NumDimsSelfRepaired>"), _double(0), _token("<NumDimsProcessed>"), _double(0),
            )
        )  # fmt: skip
        return self._add(
            name, source, _token(f"<{kind}>") + _token("<Dim>") + _int(size) + empty + _token(f"</{kind}>")
        )

    def same(self, name: str, size: int, source: str) -> str:
        content = (
            _token("<NoOpComponent>") + _token("<Dim>") + _int(size) + _token("<BackpropScale>") + _float(1.0)
        )
        return self._add(name, source, content + _token("</NoOpComponent>"))


def _nnet(network: Network) -> bytes:
    config = _Config(network.first[0].shape[1])
    relu = "RectifiedLinearComponent"
    width = len(network.second[1])
    at = config.affine("first", *network.first, "input", (-2, -1, 0, 1, 2))
    at = config.nonlinear("first.relu", relu, len(network.first[1]), at)
    at = config.affine("second", *network.second, at, (-1, 0, 1))
    at = config.nonlinear("second.relu", relu, width, at)
    for number, (block, dilation) in enumerate(zip(network.blocks, DILATIONS, strict=True), 1):
        step, name = STRIDE * dilation, f"block{number}"
        low = config.affine(
            f"{name}.narrow", block.narrow, np.zeros(len(block.narrow), np.float32), at, (-step, 0)
        )
        high = config.affine(f"{name}.wide", block.wide, block.bias, low, (0, step))
        high = config.nonlinear(f"{name}.relu", relu, width, high)
        at = config.same(f"{name}.sum", width, f"Sum({at}, {high})")
    at = config.affine("before", *network.before, at, (0,))
    at = config.nonlinear("before.relu", relu, len(network.before[1]), at)
    at = config.affine("last", *network.output, at, (0,))
    at = config.nonlinear("log", "LogSoftmaxComponent", len(OUTPUTS), at)
    config.lines.append(f"output-node name=output input={at} objective=linear")
    lines = "\n".join(config.lines) + "\n\n"
    parts = [
        _token("<Nnet3>"),
        b"\n",
        lines.encode(),
        _token("<NumComponents>"),
        _int(len(config.components)),
    ]
    parts += [*config.components, _token("</Nnet3>"), _token("<LeftContext>"), _int(CONTEXT)]
    return b"".join(
        (*parts, _token("<RightContext>"), _int(CONTEXT), _token("<Priors>"), _vector(network.priors))
    )


# --- reading back -----------------------------------------------------------------------------------------------------


def read(content: bytes) -> Network:
    """The network in a ``final.mdl`` that :func:`write` made.

    Raises :class:`ValueError` for any other model (Kaldi's own have other layers).
    """
    layers: list[tuple[Array, Array]] = []
    at = 0
    mark, bias_mark = _token("<LinearParams>"), _token("<BiasParams>")
    while (at := content.find(mark, at)) >= 0:
        matrix, at = _read_matrix(content, at + len(mark))
        bias, at = _read_vector(content, content.index(bias_mark, at) + len(bias_mark))
        layers.append((matrix, bias))
    priors_at = content.rfind(_token("<Priors>"))
    if len(layers) != 4 + 2 * len(DILATIONS) or priors_at < 0:
        raise ValueError("not a model made by this program")

    def unfolded(layer: tuple[Array, Array], times: int) -> tuple[Array, Array]:
        matrix, bias = layer
        return np.ascontiguousarray(matrix.reshape(len(matrix), times, -1).transpose(0, 2, 1)), bias

    blocks = tuple(
        Block(unfolded(layers[i], 2)[0], *unfolded(layers[i + 1], 2))
        for i in range(2, 2 + 2 * len(DILATIONS), 2)
    )
    return Network(
        unfolded(layers[0], 5), unfolded(layers[1], STRIDE), blocks, unfolded(layers[-2], 1), unfolded(layers[-1], 1),
        _read_vector(content, priors_at + len(_token("<Priors>")))[0],
    )  # fmt: skip


def _read_matrix(content: bytes, at: int) -> tuple[Array, int]:
    if content[at : at + 3] != b"FM ":
        raise ValueError("not a model made by this program")
    rows, columns = struct.unpack_from("<xixi", content, at + 3)
    at += 13
    return np.frombuffer(content, "<f4", rows * columns, at).reshape(rows, columns), at + 4 * rows * columns


def _read_vector(content: bytes, at: int) -> tuple[Array, int]:
    if content[at : at + 3] != b"FV ":
        raise ValueError("not a model made by this program")
    (size,) = struct.unpack_from("<xi", content, at + 3)
    at += 8
    return np.frombuffer(content, "<f4", size, at), at + 4 * size


# --- Kaldi's basic types ----------------------------------------------------------------------------------------------


def _token(name: str) -> bytes:
    return name.encode() + b" "


def _int(value: int) -> bytes:
    return struct.pack("<bi", 4, value)


def _float(value: float) -> bytes:
    return struct.pack("<bf", 4, value)


def _double(value: float) -> bytes:
    return struct.pack("<bd", 8, value)


def _ints(values: Sequence[int]) -> bytes:
    return _int(len(values)) + np.asarray(values, "<i4").tobytes()


def _vector(values: Sequence[float] | Array) -> bytes:
    return b"FV " + _int(len(values)) + np.asarray(values, "<f4").tobytes()


def _matrix(values: Array) -> bytes:
    rows, columns = values.shape
    return b"FM " + _int(rows) + _int(columns) + np.ascontiguousarray(values, "<f4").tobytes()
