"""When an utterance has ended: how long a pause must be, by what was asked and by what has been said so far.

Pure. People leave about 200 ms between turns (Stivers 2009); the trade waits 500 ms whatever was asked. Endings are
looked up longest first, so 「是的」 is complete though 「的」 goes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from telephony.events import Expectation, Expected

MAX_UTTERANCE_MS = 20_000
"""Who talks longer without a pause is taken at what was said so far."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Milliseconds of silence after the last voiced sample: usual, after something complete, after something unfinished."""

    usual: int
    complete: int
    unfinished: int


PAUSES: dict[Expected, Pauses] = {
    Expected.YES_NO: Pauses(280, 230, 700),
    Expected.DIGITS: Pauses(750, 300, 1000),
    Expected.AMOUNT: Pauses(550, 320, 900),
    Expected.DATE: Pauses(550, 320, 900),
    Expected.OPEN: Pauses(400, 280, 750),
}
LAST_DIGIT_MS = 550
"""The pause when all digits but one seem to have been said: twins (零零) are often heard as one."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WHOLE = _words("好 是 对 行 中 系 冇 喂 不 没 要得 再见 拜拜")
"""Complete when it is all that was said."""
_WHOLE_YES_NO = _words("有 能 会 要 在 想 到")
_COMPLETE = _words(
    """
    好的 好了 好吧 好嘞 行的 行了 行吧 可以 可以的 可以了 是的 是我 就是我 我就是 对的 没错 没错的 不是 不是的 不对 不行 不要 不用 不用了 不需要
    不可以 不知道 不清楚 不认识 不方便 不在 不同意 同意 没有 没有了 没了 没空 没问题 知道 知道了 晓得 晓得了 明白 明白了 清楚了 听到了 听清了 记住了 收到
    谢谢 谢谢你 谢谢您 麻烦了 麻烦你了 再见 拜拜 要得 要的 得行 唔系 系的 系嘅 冇错 没得 打错了 交了 交过了 缴了 缴过了 交完了 缴完了 转人工 在的 有的 会的
    真的 事我 哪里交 哪里缴 哪里办 哪交 哪办 的事了 没有别的 没别的 别的了 就这样 先这样 交的 缴的 办的 说的 报的 付的 转的 来的 了的 到的 完的
    吗 嘛 呢 吧 什么 为什么 多少 多少钱 几号 哪里 哪位 是谁 你谁 怎么办 怎么算 怎么交 怎么缴 什么时候 行不行 好不好
    """
)
_UNFINISHED = _words(
    """
    然后 因为 就是 就是说 那个 这个 我的 你的 他的 我们的 公司的 单位的 店里的 厂里的 家里的 那个的 这个的
    还有 但是 可是 不过 所以 如果 要是 或者 而且 另外 比如 比如说 那么 那 和 跟 与 或 把 被 给 在 从 对于 关于 到 我
    我们 你 你们 他 他们 我想 我想问 想问 想问一下 请问 问一下 我要 我是 我在 他是 你是 我就 等一下 等一等 等等 稍等 等我一下 我看一下 让我看一下 我看看
    找一下 我找找 我想想 我想一下 嗯 呃 额 唔 其实 应该 可能 大概 大约 虽然 每 总共 一共 能不能 是不是 可不可以 会不会
    """
)
_FILLERS = "嗯啊哦呃额唔唉诶"
_PARTICLES = "啊呀哦啦哈嘞噻"
_LONGEST = max(len(ending) for ending in _COMPLETE | _UNFINISHED)

_UNIT = re.compile("[0-9〇零一二两三四五六七八九十百千万][十百千万亿]$")
_SUM = re.compile("(?:元|块|元钱|块钱|角|毛|分|元整|块整)(?:左右|多)?$")
_POINT = re.compile("[0-9〇零一二两三四五六七八九十百千万]点$")
_DATE = re.compile(
    "(?:[0-9一二三四五六七八九十][号日]|今天|明天|后天|昨天|月底|月初|月中|月末|年底|年前|年后|过年|"
    "(?:周|星期|礼拜)[一二三四五六日天末]|下个?月|下个?(?:周|星期|礼拜))"
    "(?:之前|以前|前|左右|上午|下午|晚上|早上)?$"
)
_HALF_A_DATE = re.compile("(?:[0-9〇零一二三四五六七八九十]|[0-9一二三四五六七八九十][月年]|今年|明年|去年)$")
_DIGIT = re.compile("[0-9〇零二三四五六七八九幺两xX叉]|一(?![下点会起样个])|艾克斯")


def digits_heard(partial: str) -> int:
    """How many digits of a number read out one by one have been heard; the X that ends an identity number counts."""
    return len(_DIGIT.findall(partial))


def pause_needed(expectation: Expectation, partial: str) -> int:
    """Milliseconds of silence after which ``partial`` is all that will be said."""
    pauses = PAUSES[expectation.kind]
    if not partial:
        return pauses.usual
    if expectation.kind is Expected.DIGITS and (heard := digits_heard(partial)):
        missing = max(0, expectation.digits - heard) if expectation.digits else 2
        return (pauses.complete, LAST_DIGIT_MS, pauses.usual)[min(missing, 2)]
    finished = _value(expectation.kind, partial)
    if finished is None:
        finished = _ending(expectation.kind, partial)
    if finished is None:
        return pauses.usual
    return pauses.complete if finished else pauses.unfinished


def _value(kind: Expected, partial: str) -> bool | None:
    """Whether the amount or date that ends the partial is whole; nothing when it ends otherwise."""
    if kind is Expected.DATE:
        return True if _DATE.search(partial) else False if _HALF_A_DATE.search(partial) else None
    if kind is Expected.AMOUNT and _SUM.search(partial):
        return True
    if kind in (Expected.AMOUNT, Expected.OPEN) and (_UNIT.search(partial) or _POINT.search(partial)):
        return False
    return None


def _ending(kind: Expected, partial: str) -> bool | None:
    said = partial.lstrip(_FILLERS).rstrip(_PARTICLES)
    if not said:
        # 嗯 is a yes; after 哦 or 呃 the answer is still to come.
        return kind is Expected.YES_NO and "嗯" in partial
    if said in _WHOLE or (kind is Expected.YES_NO and said in _WHOLE_YES_NO):
        return True
    for size in range(min(_LONGEST, len(said)), 0, -1):
        if said[-size:] in _COMPLETE:
            return True
        if said[-size:] in _UNFINISHED:
            return False
    return None
