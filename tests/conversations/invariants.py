"""What holds of every bubble of every conversation, whatever was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from tests.conversations.cast import Player

THREATS = re.compile(
    r"否则|不然就|后果自负|坐牢|蹲监狱|判刑|(抓|起诉|处罚|冻结|查封|扣押|强制执行|罚)(你|您)|曝光|拉黑|黑名单|老赖"
    r"|(你|您)必须|(立即|马上|立刻)(缴清|交清|还清)|最后(一次)?(警告|通牒)|上门(抓|找)"
)
PROMISES = re.compile(
    r"(保证|肯定|一定|绝对)(会|能)?(批|通过)|包(批|过)|必批|宽限期内|(给|为)您宽限|(可以|帮您|给您)免(除|掉)?滞纳金"
    r"|(?<!会)不会(被)?(罚|处罚|冻结|影响)|没事的|不用怕"
)
ASKS_TOO_MUCH = re.compile(
    r"(请|把)(您的)?(银行卡号|密码)(告诉|发给|报给)|转(账|款)(到|至)(以下|这个)|点击(下面|以下)"
)
ENGLISH = re.compile(r"[A-Za-z]{2,}")
ALLOWED_ENGLISH = re.compile(r"(?:RG|YQ|HC|YY|TS|HD)\d{4}-\d{6}|PDF|APP")
MACHINE = re.compile(r"[{}<>\[\]]|〔(?!\d{4}〕)|\bNone\b|\\[nu]|第?None|undefined|Traceback")
MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d{2}[0-9A-HJ-NPQRTUWXY]{16}(?![0-9A-Za-z])")
FEN_AMOUNT = re.compile(r"\d[\d,]*\.\d{2}(?!\d)")
OWN_AFFAIRS = re.compile(
    r"您名下|查到您|您有\d+笔|您(现在|目前)?(欠|没有欠)|(您|您的).{0,14}(已逾期|已过期|还没到期)"
)
REPLACED = "没有通过我的核对"
BROKEN = "系统暂时出了故障"


def strings(value: Any) -> Iterable[str]:
    """Every text a taxpayer would see in a bubble's custom data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("kind", "href", "payload"):
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def broken(
    answers: list[dict[str, Any]], *, known: set[Player], cast: Iterable[Player], example: bool
) -> list[str]:
    """What is wrong with one turn's bubbles.

    Args:
        answers: the bubbles as the REST channel gives them.
        known: whom this conversation has proved to be.
        cast: everybody in the script.
        example: amounts may be named although nobody is known.
    """
    wrong: list[str] = []
    texts = [str(a.get("text", "")) for a in answers]
    if len(set(texts)) != len(texts):
        wrong.append("the same bubble twice in one turn")
    for answer in answers:
        text = str(answer.get("text", ""))
        titles = [str(b["title"]) for b in answer.get("buttons", ())]
        shown = "\n".join([text, *titles, *strings(answer.get("custom"))])
        wrong += [f"{name}: {hit[0]!r}" for name, pattern in _PATTERNS if (hit := pattern.search(shown))]
        if ENGLISH.search(ALLOWED_ENGLISH.sub("", text + "".join(titles))):
            wrong.append(f"English: {text!r}")
        if any(w in text for w in (REPLACED, BROKEN)):
            wrong.append("the answer was replaced by the guard, or the dialogue failed")
        wrong += [
            f"a command behind a button: {b}" for b in answer.get("buttons", ()) if b["payload"][:1] == "/"
        ]
        wrong += _secrets(json.dumps(answer, ensure_ascii=False), shown, known, cast, example)
    return wrong


_PATTERNS = (
    ("threat", THREATS),
    ("promise", PROMISES),
    ("asks for what is never asked", ASKS_TOO_MUCH),
    ("machine talk", MACHINE),
    ("a full mobile number", MOBILE),
    ("a full identity number", LONG_NUMBER),
)


def _secrets(
    raw: str, shown: str, known: set[Player], cast: Iterable[Player], example: bool
) -> Iterable[str]:
    for player in cast:
        if player.identifier in raw or player.phone in raw:
            yield "an identity number or phone of the cast"
        if player not in known and (player.name in raw or player.contact in raw):
            yield f"the name of {player.name}, who is not verified"
        if player not in known and not known and any(a in shown for a in player.amounts) and not example:
            yield f"an amount of {player.name}, who is not verified"
    if not known and not example and (hit := FEN_AMOUNT.search(shown)):
        yield f"an amount before verification: {hit[0]}"
    if not known and (hit := OWN_AFFAIRS.search(shown)):
        yield f"something about somebody's tax before verification: {hit[0]}"
