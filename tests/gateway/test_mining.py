from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.examples import Example
from gateway.mining import Doubt, Vectors, group, impersonal, stub
from kb.embed import HashingEmbedder

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 24, tzinfo=UTC)
EXAMPLES = [
    Example("发票怎么开", "ask_policy_other", "x:1"),
    Example("发票丢了怎么办", "ask_policy_other", "x:2"),
    Example("今天天气怎么样", "out_of_scope", "x:3"),
]


def embed(texts: Sequence[str]) -> Vectors:
    return HashingEmbedder().embed(texts)


def doubt(text: str, kind: str = "unclear") -> Doubt:
    return Doubt(text, kind, "nlu_fallback", 0.3, NOW)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("我叫王建国，查一下", "我叫某某，查一下"),
        ("我的手机是〔手机#1〕", "我的手机是某号码"),
        ("打13812345678", "打某号码"),
        ("号码幺三九八二二四五六七八", "号码某号码"),
        ("写信到 a.b@c.com.cn 吧", "写信到 某邮箱 吧"),
        ("我们成都青禾食品有限公司欠多少", "某公司欠多少"),
        ("我是来问税的", "我是来问税的"),
        ("欠12500.30元对吗", "欠12500.30元对吗"),
    ],
)
def test_what_leads_to_somebody_is_taken_out(said: str, kept: str) -> None:
    assert impersonal(said) == kept


def test_the_taxpayers_own_name_is_taken_out_with_and_without_its_brackets() -> None:
    assert impersonal("青禾食品欠多少，青禾食品（虚构）呢", "青禾食品（虚构）") == "某某欠多少，某某呢"


@given(st.integers(10**10, 10**11 - 1), st.sampled_from(["我的电话{}", "{}打这个", "联系{}，谢谢"]))
def test_no_telephone_number_is_left(number: int, words: str) -> None:
    assert str(number) not in impersonal(words.format(number))


def test_like_goes_to_like_and_the_biggest_group_comes_first() -> None:
    doubts = [doubt("电子发票怎么开"), doubt("电子发票怎么开的"), doubt("电子发票怎么开"), doubt("外星人")]
    found = group(doubts, EXAMPLES, embed, embed)
    assert [len(each.doubts) for each in found] == [3, 1]
    assert found[0].texts == ("电子发票怎么开", "电子发票怎么开的")
    assert found[0].nearest[0][0] == "ask_policy_other"


def test_nothing_gives_nothing() -> None:
    assert group([], EXAMPLES, embed, embed) == []


def test_the_stub_can_be_pasted() -> None:
    found = group([doubt("电子发票\n怎么开")], EXAMPLES, embed, embed)
    pasted = yaml.safe_load(stub(found))
    assert pasted["nlu"][0]["intent"] == "ask_policy_other"
    assert pasted["nlu"][0]["examples"] == "- 电子发票 怎么开\n"


def test_vectors_are_not_changed() -> None:
    vectors = embed(["甲", "乙"])
    before = vectors.copy()
    group([doubt("甲"), doubt("乙")], EXAMPLES, lambda _: vectors, embed)
    assert np.array_equal(vectors, before)
