from __future__ import annotations

import json
import os
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bot.understand import summarise
from gateway.cli.main import app
from gateway.cli.understand import command, newest_model
from gateway.rasa_process import RASA_VENV, base_environment
from gateway.settings import ROOT

TODAY = date(2026, 11, 23)
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    tuple(line)
    for line in yaml.safe_load((Path(__file__).parent / "understand_cases.yml").read_text(encoding="utf-8"))
]
ODD = [
    "",
    "   ",
    "\t",
    "？" * 50,
    "啊" * 10_000,
    "💰" * 300,
    "\x00\x01\x02",
    "' OR 1=1 --",
    '{"text": "x"}',
    "\\n",
    "\u200b",
]


def ask(model: Path, raw: bytes) -> list[dict[str, Any]]:
    """What the reader prints for these bytes, parsed."""
    done = subprocess.run(
        command(RASA_VENV / "bin" / "python", model, TODAY),
        input=raw,
        stdout=subprocess.PIPE,
        env=base_environment(),
        cwd=ROOT,
        check=True,
        timeout=240,
    )
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]


@pytest.fixture(scope="module")
def answers(trained_model: Path) -> dict[str, dict[str, Any]]:
    lines = [text for text, _, _ in CASES]
    found = ask(trained_model, "\n".join(lines).encode())
    assert [answer["text"] for answer in found] == lines
    return {answer["text"]: answer for answer in found}


@pytest.mark.model
@pytest.mark.parametrize(("text", "intent", "entities"), CASES, ids=[text for text, _, _ in CASES])
def test_understands(
    answers: dict[str, dict[str, Any]], text: str, intent: str | list[str], entities: dict[str, Any]
) -> None:
    answer = answers[text]
    assert answer["intent"] in ([intent] if isinstance(intent, str) else intent)
    assert answer["entities"] == entities
    assert 0 < answer["confidence"] <= 1
    assert set(answer) == {"text", "intent", "primary", "confidence", "entities"}


@pytest.mark.model
def test_odd_lines_get_one_answer_each_in_order(trained_model: Path) -> None:
    raw = b"\n".join(text.encode() for text in ODD) + b"\nabc\xff\xfe\n"
    found = ask(trained_model, raw)
    assert [answer["text"] for answer in found] == [*ODD, "abc\ufffd\ufffd"]
    for answer in found:
        if not answer["text"].strip():
            assert (answer["intent"], answer["confidence"], answer["entities"]) == (None, 0.0, {})
        assert answer["intent"] not in ("affirm", "promise_to_pay", "opt_out", "verify_self")


@pytest.mark.unit
def test_says_how_to_get_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUILING_MODELS_DIR", str(tmp_path))
    result = CliRunner().invoke(app, ["understand"], input="你好\n")
    assert result.exit_code == 1
    assert "请先运行 make setup" in result.output


@pytest.mark.unit
def test_takes_the_newest_model(tmp_path: Path) -> None:
    assert newest_model(tmp_path) is None
    for age, name in enumerate(("b.tar.gz", "a.tar.gz", "c.zip")):
        (tmp_path / name).touch()
        stamp = 1_700_000_000 + age
        os.utime(tmp_path / name, (stamp, stamp))
    assert newest_model(tmp_path) == tmp_path / "a.tar.gz"


@pytest.mark.unit
def test_summary_of_parse_data() -> None:
    parsed = {
        "intent": {"name": "promise_to_pay", "confidence": 0.91234},
        "intents": [{"name": "deny", "confidence": 0.9}, {"name": "promise_to_pay", "confidence": 0.9}],
        "entities": [
            {"entity": "amount", "value": "1.00", "negated": True},
            {"entity": "amount", "value": "2.00"},
            {"entity": "amount", "value": "3.00"},
            {"entity": "amount", "value": "2.00"},
            {"entity": "date", "value": None, "invalid": True},
        ],
    }
    assert summarise("x", parsed) == {
        "text": "x",
        "intent": "deny+promise_to_pay",
        "primary": "promise_to_pay",
        "confidence": 0.9123,
        "entities": {"amount": ["2.00", "3.00"], "date": None},
    }
    fallen_back = parsed | {"intent": {"name": "nlu_fallback", "confidence": 0.4}}
    assert summarise("x", fallen_back)["intent"] == "nlu_fallback"
