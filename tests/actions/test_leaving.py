"""Words that decline to tell anything, as a whole message; anything more is no such thing."""

from __future__ import annotations

import pytest

from actions.forms import NOTHING_MORE

pytestmark = pytest.mark.unit

DECLINING = """
没有了，谢谢。 不用了 不用了，谢谢 没了 没有 不了 没别的了 没事了 没有别的问题了 好了，不用了 那不用了 不用查了
不用麻烦您了 没有了，谢谢您，再见 冇喇唔该 唔使喇 莫得了
"""
TELLING = """
不知道 不记得了 不清楚 唔知 不是 不对 没缴 没有缴 不是微信 不用现金 没有回单 没收到短信 微信 昨天 好 嗯 谢谢 再见 没问题
"""


@pytest.mark.parametrize("said", DECLINING.split())
def test_who_declines_leaves(said: str) -> None:
    assert NOTHING_MORE.fullmatch(said)


@pytest.mark.parametrize("said", TELLING.split())
def test_who_says_anything_else_stays(said: str) -> None:
    assert not NOTHING_MORE.fullmatch(said)
