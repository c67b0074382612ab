"""What answering machines, network announcements and telephone assistants say; told by sound, as recognisers mishear.

Pure. A person says hardly any of it, and least at the beginning of a call.
"""

from __future__ import annotations

import re
from functools import cache

from dialects.sounds import syllables

_SURE = """
    您拨打的 您所拨打的 您呼叫的 请在滴声后 请在哔声后 请在嘟声后 滴声后留言 嘟声后留言 提示音后留言 听到提示音后 语音信箱 语音留言
    暂时无法接通 暂时无人接听 不在服务区 请稍后再拨 无法接听您的电话 不方便接听您的电话 我是机主的 的智能助理 电话秘书 来电小秘书
    语音助手 转接到语音 以短信的形式通知 短信通知机主 留下您的姓名
"""
"""One of these is enough."""
_LIKELY = """
    已关机 已停机 是空号 正在通话中 请留言 无人接听 无法接通 请不要挂机 请勿挂机 机主 用户正忙 转告机主 稍后再拨 暂停服务 来电提醒
"""
"""Two of these are."""
_FOREIGN = re.compile(
    r"sorry|subscriber|not available|power(?:ed)? off|leave (?:a|your) message", re.IGNORECASE
)
_PERSON = re.compile("喂|哪位|谁|说话|听不|听得|你们|你是|干什么|干嘛|什么事|怎么|不需要|不要|骗|我跟你")
_LONGEST_LOOK = 80


def of_a_machine(text: str) -> bool:
    """Whether ``text``, a partial or whole utterance without spaces, is what machines say."""
    if _FOREIGN.search(text):
        return True
    said = _sound(text[-_LONGEST_LOOK:])
    sure, likely = _phrases()
    return any(phrase in said for phrase in sure) or sum(phrase in said for phrase in likely) > 1


def of_a_person(text: str) -> bool:
    """Whether ``text`` holds what people say who answer a telephone, and machines don't."""
    return bool(_PERSON.search(text))


def _sound(text: str) -> str:
    return f" {' '.join(syllables(text))} "


@cache
def _phrases() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(_sound(phrase) for phrase in _SURE.split()), tuple(
        _sound(phrase) for phrase in _LIKELY.split()
    )
