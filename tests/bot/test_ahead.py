"""In Rasa's own environment: what is read ahead is what the pipeline asks for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gateway.rasa_process import RASA_VENV, base_environment
from gateway.settings import ROOT

pytestmark = pytest.mark.model


def test_a_text_that_was_read_ahead_costs_no_vector_when_it_is_read(trained_model: Path) -> None:
    done = subprocess.run(
        [str(RASA_VENV / "bin" / "python"), "tests/bot/reading_ahead.py", str(trained_model)],
        cwd=ROOT,
        env=base_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for text in ("滞纳金 怎么算", "俺想问哈子好多钱", "我要转人工"):
        ahead, then = found[text]
        assert len(ahead) == 1 and not then, text
    # Clauses that are worth a look of their own are not known before the whole has been read.
    ahead, then = found["Ａ公司２月的税，能不能缓一缓"]
    assert len(ahead) == 1 and ahead[0] not in then
    assert found["/restart"][0] == [] and found[" "][0] == []
