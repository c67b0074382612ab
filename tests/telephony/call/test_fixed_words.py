"""What the fixed words of a call may and may not say, and that the call finds each one it asks for."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import telephony.call
from kb.check import load_forbidden
from telephony.call.words import shared_words
from telephony.voice.pieces import split
from telephony.voice.spoken import spoken

pytestmark = pytest.mark.unit

TEXTS = dict(shared_words().texts)
FILLED = {
    "name": "某某建材商店的负责人",
    "bureau": "某某市某某区税务局",
    "digits": "1，2，3，4",
    "left": "两",
    "time": "11月24日（星期二）上午10点",
    "ahead": "3",
    "minutes": "5",
}
AFTER_PROOF = frozenset({"verified", "keys_amount"})
TAX = re.compile("税款|税费|税金|欠|滞纳|罚|元|缴|逾期|未交|催")
THREAT = re.compile("必须|后果|强制|法院|公安|起诉|征信|失信|处理您|责任|尽快")
OFFICES = re.compile("电子税务局|办税服务厅|个人所得税APP|税务局")
SAID = ("say", "ask_again", "close", "in_line_again", "_time_question")
FIRST = "first"
"""The argument of ``join_line`` that names a text."""


def filled(text: str) -> str:
    return text.format_map(FILLED)


def asked_for() -> set[str]:
    """Ids that the call's own code hands to the words, found where it calls for them."""
    found: set[str] = set()
    for file in Path(telephony.call.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAID:
                found |= _texts(node.args)
            if isinstance(node, ast.Call):
                found |= _texts([given.value for given in node.keywords if given.arg == FIRST])
    return found


def _texts(given: list[ast.expr]) -> set[str]:
    return {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_what_begins_the_same_every_time_is_rendered_ahead() -> None:
    """Whoever has said the digits hears at once that they were heard."""
    ahead = {piece for text in shared_words().fixed() for piece in split(text)}
    assert not any("{" in piece for piece in ahead)
    for name in ("verify_readback", "verify_wrong", "callback_confirm", "human_calls_back", "no_hear_1"):
        assert split(filled(TEXTS[name]))[0] in ahead, name


def test_the_call_finds_every_text_it_says_and_no_text_lies_idle() -> None:
    assert asked_for() == set(TEXTS)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_placeholders_are_those_the_call_fills_in(name: str) -> None:
    fields = {field for _, field, _, _ in string.Formatter().parse(TEXTS[name]) if field is not None}
    assert fields <= set(FILLED)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_nothing_forbidden_is_said(name: str) -> None:
    text = filled(TEXTS[name])
    assert [pattern.pattern for pattern in load_forbidden() if pattern.search(text)] == []
    assert THREAT.search(text) is None


@pytest.mark.parametrize("name", sorted(set(TEXTS) - AFTER_PROOF))
def test_before_the_proof_no_word_tells_what_the_call_is_about(name: str) -> None:
    text = OFFICES.sub("", filled(TEXTS[name]))
    assert TAX.search(text) is None
    assert "税" not in text


def test_only_the_question_for_the_person_names_them() -> None:
    assert [name for name, text in TEXTS.items() if "{name}" in text] == ["ask_person"]


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_sentences_are_short_and_can_be_spoken(name: str) -> None:
    sentences = re.findall(r"[^。？！]+[。？！]", TEXTS[name])
    assert "".join(sentences).replace(" ", "") == TEXTS[name].replace(" ", "")
    assert max(len(sentence.strip()) for sentence in sentences) <= 40
    assert re.fullmatch(
        r"[\u4e00-\u9fff，。？！：、 ]+|[\u4e00-\u9fff，。？！：、 ]*APP[\u4e00-\u9fff，。？！：、 ]*",
        spoken(filled(TEXTS[name])),
    )


def test_the_disclosure_says_who_what_and_that_it_records() -> None:
    said = filled(TEXTS["disclosure"])
    assert FILLED["bureau"] in said
    assert "不是真人" in said
    assert "录音" in said


def test_the_proof_asks_for_digits_and_promises_to_ask_for_no_secret() -> None:
    assert re.search("最后四个数字.*字母.*跳过.*按键", TEXTS["verify_ask"])
    assert "不会问您密码和验证码" in TEXTS["verify_ask"]


@pytest.mark.parametrize(
    "name",
    [
        "who_we_are",
        "proof_of_us",
        "verify_failed",
        "no_hear_3",
        "silence_3",
        "human_later",
        "opt_out_ack",
        "system_down_callback",
        "closing",
        "closing_unverified",
        "closing_doubt",
        "goodbye",
        "voicemail_neutral",
    ],
)
def test_who_doubts_learns_how_to_reach_us_himself(name: str) -> None:
    assert "12366" in TEXTS[name]


@pytest.mark.parametrize("name", ["third_party_goodbye", "not_person_ok", "voicemail_neutral"])
def test_strangers_and_machines_hear_a_text_without_person_or_matter(name: str) -> None:
    assert "{name}" not in TEXTS[name]
    assert re.search("身份|证件|本人|负责人|您的事", TEXTS[name]) is None
