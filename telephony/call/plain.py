"""Words so plain that nobody needs to be asked what they mean: yes, no, digits, and sounds of listening.

Han-aware: what counts is the number of Han characters, not of words between spaces.
"""

from __future__ import annotations

import re

from dialects.numerals import READ_OUT
from dialects.syllables import toned

_TAILS = "啊呀哦噢喔嘛呢吧哈啦咯嘞的了"
_YES = frozenset((
    "是", "对", "嗯", "好", "行", "可以", "没错", "对头", "中", "系", "是我", "我是", "就是", "我就是", "正是", "当然", "是这样",
    "没问题", "好的", "是的", "对的", "行的", "要得", "冇错", "嗯嗯", "对对", "是是", "好好", "是本人", "我是本人", "就是我", "得", "正确",
    "对上了", "系我", "俺就是",
))  # fmt: skip
_NO = frozenset((
    "不是", "不对", "不", "没有", "不用", "不行", "不要", "不必", "唔系", "唔使", "冇", "勿是", "不是我", "我不是", "错了", "不对不对",
    "不是不是", "没", "不用不用", "没了", "没有没有", "不用谢", "没事了", "没别的", "没有别的", "不需要", "没问题了",
))  # fmt: skip
_LISTENING = frozenset((
    "嗯", "好", "对", "哦", "噢", "喔", "啊", "是", "行", "唔", "诶", "欸", "哎", "呃", "额", "昂", "喂", "嗯嗯", "好好", "对对",
    "是是", "哦哦", "好的", "对的", "是的", "行行", "嗯好", "哦好",
))  # fmt: skip
_DESPAIR = re.compile(
    r"不想活|活不下去|活着没意思|不如死了|死了算了|去死了算|想死|自杀|轻生|跳楼|跳河|喝农药|寻短见|唔想活|冇得活|想唔开|想不开"
)
_AGAIN_AND_AGAIN = re.compile(r"(?:对|是|好|嗯|行){2,}")
_NOT_HAN = re.compile(r"[^\u4e00-\u9fff0-9A-Za-z]")
_ME_BY_SOUND = re.compile(
    r"(?:(?:dui|en|o|hao|ai) )*"
    r"(?:(?:wo (?:jiu )?shi|shi wo|jiu shi wo|wo ben ren)(?: ben ren)?(?: (?:a|ya|o|de|la))?(?: ni(?: .+)?)?|(?:jiu )?shi wo (?:a|ya|la) .+)"
)
"""是我啦，啥物代志: who has said that much may go on in any dialect."""
_NO_BY_SOUND = frozenset(["bu", "mei", "cuo", "fou", "mo", "wu", "wei", "a", "o", "e", "sha", "han"])
_ANY_DIGIT = re.compile(f"[{''.join(READ_OUT)}]")
_DIGIT = re.compile(rf"{_ANY_DIGIT.pattern}(?<!一)|一(?![下点会起样个些])")
"""一下 and 一会 are no ones."""
_ROW = re.compile(rf"{_ANY_DIGIT.pattern}(?:[，,、 ]?{_ANY_DIGIT.pattern})+")


def bare(text: str) -> str:
    """``text`` without punctuation and without the particles at its end."""
    kept = _NOT_HAN.sub("", text)
    return kept.rstrip(_TAILS) or kept


def is_yes(text: str) -> bool:
    """A plain yes: 是的, 嗯, 对, 对对对, 我就是."""
    return (
        bare(text) in _YES or _NOT_HAN.sub("", text) in _YES or bool(_AGAIN_AND_AGAIN.fullmatch(bare(text)))
    )


def is_no(text: str) -> bool:
    """A plain no: 不是, 不用, 没有了."""
    return bare(text) in _NO or _NOT_HAN.sub("", text) in _NO


def sounds_like_me(text: str) -> bool:
    """Whether it sounds like 我是, 就是我, 对，我是，你说, however it was written down (我师你说)."""
    return _ME_BY_SOUND.fullmatch(_sounds(text)) is not None


def may_be_yes(text: str) -> bool:
    """One character that sounds neither like a no nor like a question: what a yes alone is often recognised as (利, 被)."""
    kept = _NOT_HAN.sub("", text)
    sound = _sounds(kept)
    # 四 and 十 are 是, which sounds like them.
    digit = _ANY_DIGIT.match(kept) and sound not in ("si", "shi")
    return len(kept) == 1 and not digit and sound not in _NO_BY_SOUND


def _sounds(text: str) -> str:
    return " ".join(syllable for syllable, _ in toned(_NOT_HAN.sub("", text)))


def is_despair(text: str) -> bool:
    """Words of somebody who may harm themselves; whatever the call is about, they come first."""
    return _DESPAIR.search(text) is not None


def is_listening(text: str) -> bool:
    """Only sounds that show somebody is listening (嗯, 好, 对, 哦): they take nobody's turn."""
    kept = _NOT_HAN.sub("", text)
    while kept:
        word = next((w for n in (2, 1) if (w := kept[:n]) in _LISTENING), None)
        if word is None:
            return False
        kept = kept[len(word) :]
    return True


def interrupts(partial: str) -> bool:
    """Whether what has been recognised so far takes the turn: two characters or more that are not mere listening."""
    return len(_NOT_HAN.sub("", partial)) >= 2 and not is_listening(partial)


def is_scrap(text: str) -> bool:
    """One character that answers nothing: what a cough or a hum is often recognised as (一, 去, 帮)."""
    return len(_NOT_HAN.sub("", text)) == 1 and not (is_yes(text) or is_no(text))


def digits_in(text: str) -> str:
    """The digits spoken or written in ``text``, in order; the last stretch when the speaker corrects himself."""
    said = re.split(r"不对|不是|错了|应该是|改成", text)[-1]
    return "".join(READ_OUT.get(sign, sign) for sign in _DIGIT.findall(said))


def without_numbers(text: str, *, every: bool = True) -> str:
    """``text`` with its digits, written or spoken, made unreadable: every one, or those that stand in a row."""
    if every:
        return _ANY_DIGIT.sub("*", text)
    return _ROW.sub(lambda row: _ANY_DIGIT.sub("*", row[0]), text)
