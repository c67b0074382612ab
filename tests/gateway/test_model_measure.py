from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateway import model_measure
from gateway.examples import Example

pytestmark = pytest.mark.unit


def test_a_machine_too_busy_to_measure_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never_done(command: list[str], **given: object) -> None:
        raise subprocess.TimeoutExpired(command, 600)

    monkeypatch.setattr(subprocess, "run", never_done)
    with pytest.raises(model_measure.MeasureError, match="没有读完"):
        model_measure.read_with(tmp_path / "model.tar.gz", {"dev/a": [Example("你好", "greet", "a.yml")]})
