"""G.711 µ-law and linear samples, both ways by table (ITU-T G.711, 14 bit scaled to 16)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SILENCE = b"\xff"
"""The code of zero."""

_BIAS = 0x84
_CLIP = 32635


def decode(mulaw: bytes) -> NDArray[np.int16]:
    """Linear samples of µ-law codes, one a byte."""
    return _linear()[np.frombuffer(mulaw, np.uint8)]


def encode(samples: NDArray[np.int16]) -> bytes:
    """µ-law codes of linear samples, one byte each."""
    return _codes()[np.ascontiguousarray(samples, np.int16).view(np.uint16)].tobytes()


@cache
def _linear() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    segment = (code >> 4 & 7).astype(np.int32)
    size = (((code & 0x0F).astype(np.int32) << 3) + _BIAS << segment) - _BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


@cache
def _codes() -> NDArray[np.uint8]:
    """By sample, as an unsigned 16 bit number."""
    sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    size = np.minimum(np.abs(sample), _CLIP) + _BIAS
    segment = np.floor(np.log2(size)).astype(np.int32) - 7
    mantissa = size >> segment + 3 & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    codes: NDArray[np.int32] = ~(sign | segment << 4 | mantissa) & 0xFF
    return codes.astype(np.uint8)
