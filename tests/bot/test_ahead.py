"""In Rasa's own environment: what is read ahead is what the pipeline asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.rasa import in_rasa

pytestmark = pytest.mark.model


def test_a_text_that_was_read_ahead_costs_no_vector_when_it_is_read(trained_model: Path) -> None:
    done = in_rasa("tests/bot/reading_ahead.py", str(trained_model))
    found = json.loads(done.stdout.splitlines()[-1])
    for text in ("滞纳金 怎么算", "俺想问哈子好多钱", "我要转人工"):
        ahead, then = found[text]
        assert len(ahead) == 1 and not then, text
    # Clauses that are worth a look of their own are not known before the whole has been read.
    ahead, then = found["Ａ公司２月的税，能不能缓一缓"]
    assert len(ahead) == 1 and ahead[0] not in then
    assert found["/restart"][0] == [] and found[" "][0] == []
