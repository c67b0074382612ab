"""How well anger is heard. ``mood/dev.tsv`` may be looked at while the table is mended; ``mood/heldout.tsv`` may not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from actions.mood import ANGRY, MOST, getting_worse, score

pytestmark = pytest.mark.unit
LINES = Path(__file__).with_name("mood")
EXAMPLES = Path("nlu_data/nlu")
CALM_INTENTS = (
    "affirm", "apply_deferral", "ask_appeal", "ask_balance", "ask_credit_impact", "ask_deferral_eligibility",
    "ask_deferral_materials", "ask_deferral_status", "ask_due_date", "ask_enforcement", "ask_how_to_pay",
    "ask_late_fee_amount", "ask_late_fee_rule", "ask_penalty", "ask_policy_other", "cash_difficulty",
    "claim_already_paid", "correct_answer", "greet", "inform", "promise_to_pay", "request_callback", "thank",
    "verify_self", "withdraw_deferral",
)  # fmt: skip
"""What is seldom said in anger: on these examples, written for something else, hardly any may be taken for it."""


@dataclass
class Confusion:
    """Lines by what they are and what they were taken for."""

    heard: int = 0
    missed: int = 0
    imagined: int = 0
    calm: int = 0

    @property
    def precision(self) -> float:
        return self.heard / (self.heard + self.imagined)

    @property
    def recall(self) -> float:
        return self.heard / (self.heard + self.missed)

    def __str__(self) -> str:
        return (
            f"angry: {self.heard} heard, {self.missed} missed; calm: {self.calm} left alone, {self.imagined} taken for"
            f" angry; precision {self.precision:.3f}, recall {self.recall:.3f}"
        )


def lines(name: str) -> list[tuple[str, str]]:
    rows = (LINES / name).read_text(encoding="utf-8").splitlines()
    return [(label, text) for label, text in (row.split("\t") for row in rows)]


def measured(name: str) -> Confusion:
    result = Confusion()
    for label, text in lines(name):
        angry = score(text) >= ANGRY
        if label == "upset":
            result.heard += angry
            result.missed += not angry
        else:
            result.imagined += angry
            result.calm += not angry
    return result


@pytest.mark.parametrize("name", ["dev.tsv", "heldout.tsv"])
def test_anger_is_heard_and_calm_left_alone(name: str) -> None:
    found = measured(name)
    print(f"\n{name}: {found}")
    assert found.precision >= 0.9 and found.recall >= 0.8


def test_the_sets_are_half_calm_and_share_no_line() -> None:
    dev, heldout = lines("dev.tsv"), lines("heldout.tsv")
    assert len(dev) + len(heldout) >= 120
    for rows in (dev, heldout):
        assert {label for label, _ in rows} == {"upset", "calm"}
        assert sum(label == "calm" for label, _ in rows) * 2 >= len(rows)
    assert not {text for _, text in dev} & {text for _, text in heldout}


def test_questions_and_answers_are_hardly_ever_taken_for_anger() -> None:
    texts = [
        line.removeprefix("- ").strip()
        for intent in CALM_INTENTS
        for line in yaml.safe_load((EXAMPLES / f"{intent}.yml").read_text(encoding="utf-8"))["nlu"][0][
            "examples"
        ].splitlines()
    ]
    taken = [text for text in texts if score(text) >= ANGRY]
    print(f"\n{len(taken)} of {len(texts)} examples of calm intents are taken for anger")
    assert len(texts) > 5000
    assert len(taken) <= 0.005 * len(texts), taken


@pytest.mark.parametrize(
    ("text", "at_least", "at_most"),
    [
        ("滞纳金怎么算", 0, 0),
        ("我不生气", 0, 0),
        ("会不会强制执行", 0, 0),
        ("", 0, 0),
        ("快点", 1, 1),
        ("快点！！！", ANGRY, ANGRY),
        ("烦死了", ANGRY, ANGRY),
        ("烦死了，你个废物", MOST, MOST),
        ("滚", MOST, MOST),
        ("利滚利吗", 0, 0),
        ("我妈的身份证号", 0, 0),
        ("他妈的", MOST, MOST),
    ],
)
def test_a_score_follows_the_strongest_sign_and_what_stands_beside_it(
    text: str, at_least: int, at_most: int
) -> None:
    assert at_least <= score(text) <= at_most


@pytest.mark.parametrize(
    ("said", "worse"),
    [
        ((), False),
        (("滚",), False),
        (("滞纳金怎么算", "滚"), False),
        (("快点", "滚"), True),
        (("烦死了", "怎么缴税", "烦死了"), True),
        (("烦死了", "烦死了"), True),
        (("烦死了，你个废物", "烦死了"), False),
        (("烦死了", "烦死了", "怎么缴税"), False),
        (("滚", "滚", "怎么缴税", "我欠多少税", "烦死了"), False),
    ],
)
def test_it_gets_worse_over_several_messages_and_never_by_one(said: tuple[str, ...], worse: bool) -> None:
    assert getting_worse(said) is worse
