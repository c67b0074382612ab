"""What WeChat's servers tell us, typed.

Pages: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html,
…/Receiving_event_pushes.html and …/Template_Message_Interface.html (the report on a template message).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from chat.wechat.fields import Malformed

_OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS = {
    "image": "图片",
    "voice": "语音",
    "video": "视频",
    "shortvideo": "小视频",
    "location": "位置",
    "link": "链接",
    "file": "文件",
}


@dataclass(frozen=True, slots=True)
class Ends:
    """Who wrote (``openid``) to which account."""

    openid: str
    account: str


@dataclass(frozen=True, slots=True)
class Words:
    """Something said: typed, spoken and recognised, or chosen in the menu. ``key`` is the same when it is repeated."""

    ends: Ends
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is no text; ``kind`` names it (Chinese)."""

    ends: Ends
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Followed:
    """They follow the account now."""

    ends: Ends
    key: str


@dataclass(frozen=True, slots=True)
class Left:
    """They follow it no longer."""

    ends: Ends


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a template message; ``problem`` is empty when it arrived."""

    ends: Ends
    message_id: str
    problem: str


Heard = Words | Unreadable | Followed | Left | Reported | None


def heard(told: Mapping[str, str]) -> Heard:
    """What the fields of a message say; ``None`` for what does not concern us. Raises ``Malformed``."""
    ends = Ends(told.get("FromUserName", ""), told.get("ToUserName", ""))
    if not _OPENID.fullmatch(ends.openid):
        raise Malformed
    kind = told.get("MsgType", "").lower()
    if kind == "event":
        return _event(told, ends)
    if not told.get("MsgId", "").isdigit():
        raise Malformed
    key = f"wx-{told['MsgId'][:40]}"
    if kind == "text":
        return Words(ends, told.get("Content", ""), key)
    if kind == "voice" and told.get("Recognition", "").strip():
        return Words(ends, told["Recognition"], key)
    return Unreadable(ends, _KINDS[kind], key) if kind in _KINDS else None


def _event(told: Mapping[str, str], ends: Ends) -> Heard:
    match told.get("Event", "").lower():
        case "subscribe":
            return Followed(ends, _event_key(told))
        case "unsubscribe":
            return Left(ends)
        case "click" if told.get("EventKey", "").strip():
            return Words(ends, told["EventKey"], _event_key(told))
        case "templatesendjobfinish":
            status = told.get("Status", "").strip()
            return Reported(ends, told.get("MsgID", ""), "" if status == "success" else status or "unknown")
        case _:
            return None


def _event_key(told: Mapping[str, str]) -> str:
    """Events have no id: who, when and what are one (the documentation's advice for leaving out repetitions)."""
    parts = (told.get(name, "") for name in ("FromUserName", "CreateTime", "Event", "EventKey"))
    return f"wx-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:32]}"
