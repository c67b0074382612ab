"""How a message of the thread reads in WeChat: plain text, its buttons as a numbered list.

WeChat takes at most 2048 bytes in a text, as a reply and as a message of customer service alike
(https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html and
…/Service_Center_messages.html).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.models import Message

LIMIT = 2000
"""Bytes of one text, in UTF-8."""
SCORES = range(1, 6)
_GAP = "\n\n"
_PICKED = re.compile(r"第?(\d{1,2})[.、。]?")
_ENDS = "\n。！？；!?;，、, "


@dataclass(frozen=True, slots=True)
class Choice:
    """Something the taxpayer may pick: ``title`` is what is shown, ``says`` what it means to say."""

    title: str
    says: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a number stands for now. ``ticket``: the talk that a number from 1 to 5 would rate."""

    choices: tuple[Choice, ...] = ()
    ticket: str | None = None


def number_in(text: str) -> int | None:
    """The number that is all of ``text`` (``2``, ``２``, ``2.``), ``None`` for anything else."""
    found = _PICKED.fullmatch(unicodedata.normalize("NFKC", text).strip())
    return int(found[1]) if found else None


def offer_of(messages: Sequence[Message]) -> Offer:
    """What the end of a thread offers: everything since a taxpayer or an agent spoke last."""
    choices: list[Choice] = []
    ticket = None
    for message in messages:
        if message.sender in ("taxpayer", "agent"):
            choices, ticket = [], None
        choices += choices_of(message)
        custom = message.payload.get("custom") or {}
        if custom.get("kind") == "survey":
            ticket = str(custom.get("ticket"))
    return Offer(tuple(choices), ticket)


def choices_of(message: Message) -> list[Choice]:
    """The buttons of a message; an agent's words have none."""
    if message.sender not in ("bot", "system"):
        return []
    found = []
    for button in message.payload.get("buttons") or []:
        title = str(button.get("title") or button.get("payload") or "")
        if title:
            found.append(Choice(title, str(button.get("payload") or title)))
    return found


def readings(messages: Sequence[Message]) -> list[str]:
    """Each message as WeChat shows it; numbers run on until a taxpayer or an agent speaks, as in :func:`offer_of`."""
    texts, number = [], 1
    for message in messages:
        if message.sender in ("taxpayer", "agent"):
            number = 1
        choices = choices_of(message)
        texts.append(_reading(message, choices, number))
        number += len(choices)
    return texts


def fitting(texts: Sequence[str], limit: int = LIMIT) -> int:
    """How many of the first texts go into one message together."""
    size, count = -len(_GAP), 0
    for text in texts:
        size += len(_GAP) + len(text.encode())
        if size > limit:
            break
        count += 1
    return count


def together(texts: Sequence[str]) -> str:
    """Several texts as one message."""
    return _GAP.join(texts)


def pieces(text: str, limit: int = LIMIT) -> list[str]:
    """A text in pieces that WeChat takes, cut after a line, a sentence or at worst anywhere."""
    found = []
    while len(text.encode()) > limit:
        head = text.encode()[:limit].decode(errors="ignore")
        cut = next((at + 1 for sign in _ENDS if (at := head.rfind(sign)) >= len(head) // 2), len(head))
        found.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*found, text] if text else found


def _reading(message: Message, choices: Sequence[Choice], number: int) -> str:
    lines = [message.text, *_beside(message.payload.get("custom"))]
    by = message.payload.get("by")
    if message.sender == "agent" and by:
        lines[0] = f"【{by}】{message.text}"
    if choices:
        listed = "\n".join(f"{at} {choice.title}" for at, choice in enumerate(choices, number))
        lines.append(f"回复数字选择：\n{listed}")
    return "\n".join(line for line in lines if line)


def _beside(custom: Any) -> Iterator[str]:
    """What the chat window shows beside the words, as far as words can say it."""
    if not isinstance(custom, Mapping):
        return
    match custom.get("kind"):
        case "group":
            for item in custom.get("items") or []:
                yield from _beside(item)
        case "citations":
            if items := custom.get("items"):
                yield f"依据：{'；'.join(map(str, items))}"
        case "survey":
            yield f"（回复数字 {SCORES[0]} 到 {SCORES[-1]} 就可以。）"
        case "upload" | "links":
            yield "（材料和文件请在税务局网页的对话窗口里上传或打开，微信里收发不了。）"
        case "late_fee_table":
            yield from _table(custom)


def _table(custom: Mapping[str, Any]) -> Iterator[str]:
    columns = [str(column) for column in custom.get("columns") or []]
    if title := custom.get("title"):
        yield f"〔{title}〕"
    for row in custom.get("rows") or []:
        yield "，".join(
            f"{column}{cell}" for column, cell in zip(columns, map(str, row), strict=False) if cell
        )
    if total := custom.get("total"):
        yield f"合计：{str(total).removeprefix('合计').lstrip('： ')}"
