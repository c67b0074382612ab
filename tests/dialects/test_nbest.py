from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.align import distance, kept
from dialects.nbest import Hypothesis, read_result

pytestmark = pytest.mark.unit


def _result(*alternatives: tuple[str, float], began: float = 0.0) -> str:
    return json.dumps(
        {
            "alternatives": [
                {
                    "confidence": score,
                    "text": text,
                    "result": [
                        {"word": word, "start": began + n, "end": began + n + 0.5}
                        for n, word in enumerate(text.split())
                    ],
                }
                for text, score in alternatives
            ]
        }
    )


def test_a_word_is_as_sure_as_the_alternatives_that_have_it_are_likely() -> None:
    heard = read_result(_result(("我 姓 王", 10.0), ("我 姓 黄", 10.0 - math.log(3))))
    assert heard.text == "我姓王" and heard.alternatives == ("我姓黄",)
    assert heard.signs == pytest.approx((1.0, 1.0, 0.75))
    assert [word.confidence for word in heard.words] == pytest.approx([1.0, 1.0, 0.75])
    assert heard.confidence == pytest.approx(2.75 / 3)


def test_texts_cut_differently_are_one() -> None:
    heard = read_result(_result(("下个月 交", 5.0), ("下 个 月 交", 5.0), ("下 个 月 缴", 4.0)))
    assert heard.text == "下个月交" and heard.alternatives == ("下个月缴",)
    assert heard.signs[0] == pytest.approx(1.0)
    assert heard.signs[3] == pytest.approx(2 / (2 + math.exp(-1)))


def test_times_count_from_the_utterances_first_sample() -> None:
    heard = read_result(_result(("你好 喂", 1.0), began=12.0), began_s=11.5)
    assert [(word.began_ms, word.ended_ms) for word in heard.words] == [(500, 1000), (1500, 2000)]
    assert heard.voiced_ms == 1000


@pytest.mark.parametrize(
    "result", ['{"text": ""}', '{"alternatives": [{"text": "", "confidence": 3}]}', "{}"]
)
def test_sound_without_words_is_nothing(result: str) -> None:
    assert read_result(result) == Hypothesis()


def test_two_parts_make_one() -> None:
    first, second = read_result(_result(("你 好", 3.0), ("你 号", 2.0))), read_result(_result(("再 见", 1.0)))
    both = first + second
    assert both.text == "你好再见" and len(both.signs) == 4 and both.alternatives == ("你号再见",)
    assert both.score == 4.0
    assert first + Hypothesis() == first and Hypothesis() + second == second


_TEXT = st.text(alphabet="税款金交", max_size=9)


@given(_TEXT, _TEXT)
def test_what_is_kept_and_what_is_apart_agree(one: str, other: str) -> None:
    apart = distance(one, other)
    assert apart == distance(other, one)
    assert abs(len(one) - len(other)) <= apart <= max(len(one), len(other))
    assert len(kept(one, other)) == len(one)
    assert len(one) - sum(kept(one, other)) <= apart
    assert (apart == 0) == (one == other)


@given(_TEXT, _TEXT, _TEXT)
def test_no_way_round_is_shorter(one: str, other: str, third: str) -> None:
    assert distance(one, third) <= distance(one, other) + distance(other, third)
