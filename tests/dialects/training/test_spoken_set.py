from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dialects.evalset import Utterance
from gateway.dialect_measure import read_manifest
from gateway.sound_files import read_wav

spoken_set = pytest.importorskip("dialects.training.spoken_set", reason="needs the training environment")

pytestmark = pytest.mark.unit


def test_what_is_written_can_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dialects.training import speech

    tone = (8000 * np.sin(np.arange(16_000) / 10)).astype(np.int16)

    def voiced(
        kind: str, lines: list[str], voice: str, accent: str, strength: float
    ) -> list[speech.Utterance]:
        return [speech.Utterance(line, tone, ()) for line in lines[1:]]

    monkeypatch.setattr(spoken_set, "voiced", voiced)
    lines = [
        Utterance("1", "一行没有读出来", "greet", "sichuan"),
        Utterance("2", "滞纳金怎么算", "ask_late_fee", "sichuan"),
    ]
    assert spoken_set.write(tmp_path / "set", "sichuan", lines, "seen", "sichuan", 1.0) == 1
    (row,) = read_manifest(tmp_path / "set")
    assert (row.text, row.intent, row.pack) == ("滞纳金怎么算", "ask_late_fee", "sichuan")
    assert json.loads((tmp_path / "set" / "manifest.jsonl").read_text())["file"] == row.file.name
    assert len(read_wav(row.file)) > 0
