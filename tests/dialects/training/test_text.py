import random
from pathlib import Path

import pytest

from dialects.training.phones import HAN
from dialects.training.text import Filler, clauses, held_out, mishearings, natural_lines, plain

pytestmark = pytest.mark.unit


def test_a_line_becomes_what_is_spoken() -> None:
    assert plain("嗯，我欠3500元，对吗？") == "嗯我欠三千五百元对吗"
    assert plain("用APP交") is None
    assert plain("……") is None


def test_frames_give_speakable_sentences_of_many_kinds() -> None:
    filler = Filler(random.Random(3))
    sentences = {filler.sentence() for _ in range(500)}
    assert len(sentences) > 300
    assert all(HAN.fullmatch(sentence) for sentence in sentences)
    assert any("元" in s or "块" in s for s in sentences)


def test_the_tuning_set_is_a_small_and_steady_share() -> None:
    lines = [f"第{n}句话" for n in range(2000)]
    share = sum(map(held_out, lines)) / len(lines)
    assert 0.02 < share < 0.09
    assert [held_out(line) for line in lines[:50]] == [held_out(line) for line in lines[:50]]


def test_nothing_that_is_measured_on_is_read(tmp_path: Path) -> None:
    for folder in ("nlu_data/nlu", "nlu_data/eval/holdout", "kb/articles", "kb/eval", "dialects/eval"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "nlu_data/nlu/a.yml").write_text(
        "nlu:\n- intent: a\n  examples: |\n    - 我要交税\n", encoding="utf-8"
    )
    (tmp_path / "kb/articles/a.md").write_text("---\nquestions:\n  - 怎么交\n---\n正文。\n", encoding="utf-8")
    secret = "nlu:\n- intent: a\n  examples: |\n    - 保密的话\n"
    for name in ("nlu_data/eval/holdout/a.yml", "kb/eval/a.yml", "dialects/eval/a.yml"):
        (tmp_path / name).write_text(secret, encoding="utf-8")
    assert list(natural_lines(tmp_path)) == ["我要交税", "怎么交"]


def test_mishearings_are_known() -> None:
    assert "支拿金" in mishearings()


def test_clauses_end_at_punctuation() -> None:
    assert list(clauses("税款12元，按日加收；ABC，好。")) == ["税款十二元", "按日加收"]
