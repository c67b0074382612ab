from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from telephony.voice.espeak import whole_wav
from telephony.voice.protocol import LENGTH
from telephony.voice.sound import Samples
from telephony.voice.worker import serve

pytestmark = pytest.mark.unit


class Engine:
    rate = 8000

    def render(self, words: str, speed: float) -> Samples:
        if words == "broken":
            raise BrokenPipeError
        if words == "unknown":
            raise KeyError("尾号1234")
        return np.sin(np.arange(int(4000 / speed))).astype(np.float32)


def frames(*bodies: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(LENGTH.pack(len(body)) + body for body in bodies))


def request(words: str, speed: float = 1.0) -> bytes:
    return json.dumps({"words": words, "speed": speed, "pause_ms": 100}).encode()


def test_bad_requests_are_answered_without_repeating_what_they_held() -> None:
    answers: list[bytes] = []
    serve(Engine(), frames(request("unknown"), b"no json", b"{}", request("fine")), answers.append)
    assert [answer[:1] for answer in answers] == [b"-", b"-", b"-", b"+"]
    assert answers[0] == b"-KeyError"
    assert len(answers[3]) == 1 + 4000 + 800


def test_an_engine_that_breaks_ends_the_process() -> None:
    with pytest.raises(OSError):
        serve(Engine(), frames(request("broken")), lambda _: None)


def test_a_frame_cut_off_ends_the_work() -> None:
    serve(Engine(), io.BytesIO(struct.pack(">I", 50) + b"short"), lambda _: pytest.fail("answered"))


def test_a_wav_is_awaited_until_it_is_whole(tmp_path: Path) -> None:
    sounding = io.BytesIO()
    with wave.open(sounding, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(22050)
        sound.writeframes(np.arange(100, dtype="<i2").tobytes())
    path = tmp_path / "sound.wav"
    stages = iter([b"", sounding.getvalue()[:44], sounding.getvalue()[:90], sounding.getvalue()])

    def more(_: float) -> None:
        path.write_bytes(next(stages))

    assert len(whole_wav(path, 1.0, more)) == 100
    assert next(stages, None) is None


def test_a_wav_that_never_comes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        whole_wav(tmp_path / "missing.wav", 0.02, lambda _: None)


@pytest.mark.parametrize("own_session", [True, False])
def test_a_voice_lets_others_go_first_and_nobody_else(own_session: bool) -> None:
    code = "import os; from telephony.voice.worker import stand_back; stand_back(); print(os.nice(0))"
    own = Path("/proc/self/autogroup")
    before = own.read_text() if own.exists() else ""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        start_new_session=own_session,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ran.stdout) == min(os.nice(0) + 5, 19)
    assert before == (own.read_text() if own.exists() else "")
