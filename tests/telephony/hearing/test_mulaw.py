from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.hearing import mulaw

pytestmark = pytest.mark.unit


def test_the_codes_of_the_standard() -> None:
    """ITU-T G.711, table 2a: the ends of the range and both zeros."""
    assert mulaw.decode(bytes((0x00, 0x80, 0x7F, 0xFF))).tolist() == [-32124, 32124, 0, 0]
    assert mulaw.encode(np.array((-32768, 32767, 0), np.int16)) == b"\x00\x80\xff"
    assert mulaw.decode(mulaw.SILENCE * 3).tolist() == [0, 0, 0]


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_codes_come_back(codes: bytes) -> None:
    assert mulaw.encode(mulaw.decode(codes)) == codes.replace(b"\x7f", b"\xff")


def test_every_sample_comes_back_nearly() -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    error = np.abs(mulaw.decode(mulaw.encode(samples)).astype(np.int32) - samples)
    assert np.all(error <= (np.abs(samples.astype(np.int32)) + 132) / 32)


def test_a_view_with_steps_is_encoded_as_its_samples() -> None:
    samples = np.arange(-8000, 8000, 7).astype(np.int16)
    assert mulaw.encode(samples[::2]) == mulaw.encode(samples[::2].copy())
