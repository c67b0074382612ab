from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from dialects.evalset import (
    DEV,
    HOLD_OUT,
    KINDS,
    EvalSetError,
    han_only,
    likeness,
    near_duplicates,
    read_set,
)

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
SPOKEN = [utterance.text for utterance in read_set(HOLD_OUT)]
TUNED_ON = [utterance.text for utterance in read_set(DEV)]
LONG_ENOUGH = 5
"""Shorter answers (没有, 是的呀) are everybody's words and cannot be kept out of any text."""
HEADER = "id\ttext\tintent\tkind\taccent_note"


def intents() -> set[str]:
    return set(yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"])


def lines_of(folder: Path, *patterns: str) -> list[str]:
    """Han characters of each line of the files, joined by line ends."""
    files = sorted({file for pattern in patterns for file in folder.rglob(pattern)})
    return [han_only(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_hold_out_is_large_and_every_region_has_its_share() -> None:
    utterances = read_set(HOLD_OUT)
    kinds = Counter(utterance.kind for utterance in utterances)
    assert len(utterances) >= 360
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 40


def test_the_hold_out_has_short_and_long_answers_and_read_out_digits() -> None:
    assert sum(len(text) <= 6 for text in SPOKEN) >= 60
    assert sum(20 <= len(text) <= 40 for text in SPOKEN) >= 40
    assert sum(bool(re.search("[零幺一二三四五六七八九]{4}", text)) for text in SPOKEN) >= 12


def test_what_callers_want_is_spoken_for_and_known_to_the_domain() -> None:
    counts = Counter(utterance.intent for utterance in read_set(HOLD_OUT))
    assert set(counts) <= intents()
    assert len(counts) >= 39
    assert min(counts.values()) >= 3


def test_the_set_for_tuning_is_of_the_same_kind() -> None:
    utterances = read_set(DEV)
    assert len(utterances) >= 120
    assert {utterance.kind for utterance in utterances} == KINDS
    assert {utterance.intent for utterance in utterances} <= intents()


def test_ids_are_unique_over_both_sets() -> None:
    ids = [utterance.id for file in (HOLD_OUT, DEV) for utterance in read_set(file)]
    assert len(ids) == len(set(ids))


def test_tuning_tells_nothing_about_the_hold_out() -> None:
    assert list(near_duplicates(TUNED_ON, SPOKEN, at_least=0.75)) == []


def test_no_sentence_of_the_hold_out_comes_twice() -> None:
    twice = [pair for pair in near_duplicates(SPOKEN, SPOKEN, at_least=0.75) if pair[0] != pair[1]]
    assert twice == []


@pytest.mark.parametrize(
    ("folder", "patterns"),
    [
        ("nlu_data/nlu", ("*.yml",)),
        ("dialects/training", ("*.txt", "*.tsv", "*.csv", "*.yml", "*.json", "*.jsonl", "*.py")),
        ("dialects/packs", ("*.yml", "*.txt")),
    ],
)
def test_nothing_that_is_learnt_from_holds_a_sentence_of_the_hold_out(
    folder: str, patterns: tuple[str, ...]
) -> None:
    assert (ROOT / folder).is_dir()
    learnt = "\n".join(lines_of(ROOT / folder, *patterns))
    assert [text for text in SPOKEN if len(text) >= LONG_ENOUGH and text in learnt] == []


def test_no_training_line_is_a_hold_out_sentence_with_a_word_changed() -> None:
    learnt = {line for line in lines_of(ROOT / "nlu_data/nlu", "*.yml") if line}
    spoken = [text for text in SPOKEN if len(text) >= LONG_ENOUGH]
    assert list(near_duplicates(spoken, learnt, at_least=0.75)) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("id\ttext\n", r"set\.tsv:1: the header"),
        (f"{HEADER}\n", r"holds no utterance"),
        (f"{HEADER}\na\t对\taffirm\tmandarin\n", r"set\.tsv:2: 4 columns"),
        (
            f"{HEADER}\na\t对\taffirm\tmandarin\t\nb\t对，是\taffirm\tmandarin\t\n",
            r"set\.tsv:3: text must be Han",
        ),
        (f"{HEADER}\na\t尾号1234\tinform\tmandarin\t\n", r"set\.tsv:2: text must be Han"),
        (f"{HEADER}\na\t对\taffirm\thenan\t\n", r"set\.tsv:2: unknown kind 'henan'"),
        (f"{HEADER}\na\t对\t\tmandarin\t\n", r"set\.tsv:2: id and intent"),
        (
            f"{HEADER}\na\t对\taffirm\tmandarin\t\na\t好\taffirm\tmandarin\t\n",
            r"set\.tsv:3: id 'a' .* line 2",
        ),
        (
            f"{HEADER}\na\t对\taffirm\tmandarin\t\nb\t对\taffirm\tminnan\t\n",
            r"set\.tsv:3: text '对' .* line 2",
        ),
    ],
)
def test_a_set_that_cannot_be_measured_on_is_refused_with_its_line(
    tmp_path: Path, content: str, complaint: str
) -> None:
    file = tmp_path / "set.tsv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(EvalSetError, match=complaint):
        read_set(file)


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvalSetError, match="cannot be read"):
        read_set(tmp_path / "none.tsv")
    (tmp_path / "set.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvalSetError, match="cannot be read"):
        read_set(tmp_path / "set.tsv")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", 1.0),
        ("明天交", "明天交", 1.0),
        ("明天交", "后天交", 2 / 3),
        ("明天", "", 0.0),
        ("甲乙", "乙甲", 0.0),
    ],
)
def test_likeness(one: str, other: str, expected: float) -> None:
    assert likeness(one, other) == pytest.approx(expected)


def test_near_duplicates_finds_what_likeness_finds() -> None:
    texts = [*TUNED_ON[:60], "明天就去交", "明天就去缴", "明天去交", "就去交明天"]
    slow = {(a, b) for a in texts for b in texts if likeness(a, b) >= 0.6}
    assert {(a, b) for a, b, _ in near_duplicates(texts, texts, at_least=0.6)} == slow
    assert ("明天就去交", "明天就去缴") in slow
