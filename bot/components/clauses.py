"""Several intents in one message: splitting into clauses, and which of their intents count."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_BREAK = re.compile(r"[，。！？；,!?;\n]+|(?:然后|还有|另外|顺便)(?!的)")
_MOST = 5
_SHORTEST = 2

COURTESIES = frozenset({"greet", "goodbye", "thank"})
"""They never count beside another intent: 你好，我欠多少 only asks."""
ANSWERS = frozenset({"affirm", "deny", "inform"})
"""They may count beside another intent but are never the one to act on."""
_BESIDE = frozenset(
    {
        "apply_deferral",
        "complain",
        "promise_to_pay",
        "request_callback",
        "request_human",
        "suspect_fraud",
        "verify_self",
    }
)
"""Statements that want something done of their own; the others only lead up to what follows."""
_CONTRARY = frozenset({("verify_self", "wrong_person"), ("promise_to_pay", "claim_already_paid")})
_SILENT = frozenset({"out_of_scope", "nlu_fallback", "repeat"})
_HOLDS_ITS_NO = frozenset(
    {
        "cancel",
        "claim_already_paid",
        "correct_answer",
        "dispute_amount",
        "opt_out",
        "request_callback",
        "suspect_fraud",
        "withdraw_deferral",
        "wrong_person",
    }
)
"""Intents whose own sentence often opens with a no: 不对，应该是三个月."""
_ASKS = re.compile(
    r"[吗么呢啥嘛咩点]|多少|几|怎|咋|什么|哪|谁|是不是|有没有|能不能|会不会|可不可以|要不要"
    r"|知道|想问|问一下|查|告诉|算一下|算算|说说|讲讲|不$"
)
_LONGEST_NO = 7
_CONTRAST = re.compile(r"(?:我?(?:不是|没有?|并不|不要)|别)\S{2}")
"""Openings that set off what follows (不是要赖，就想知道欠多少) and answer nothing."""
_DOUBTFUL = 0.55
_SURE_ANSWER = 0.6
"""Enough for a yes or no, whose place and length speak for it already."""


@dataclass(frozen=True)
class Reading:
    """One intent of a text with its probability."""

    intent: str
    confidence: float


def split(text: str) -> list[str]:
    """Clauses worth reading alone; empty when there is only one."""
    parts = [part.strip() for part in _BREAK.split(text)]
    clauses = [
        part for part in parts if len(part) >= _SHORTEST or part in {"是", "对", "好", "不", "行", "嗯"}
    ]
    return clauses[:_MOST] if len(clauses) > 1 else []


def combine(
    whole: Reading,
    clauses: Sequence[Reading],
    texts: Sequence[str],
    *,
    certain: float,
    costly: Collection[str] = (),
) -> tuple[Reading, list[Reading]]:
    """The intent to act on, and all that count in the order they were said.

    ``whole`` is the reading of the full text, ``clauses`` those of its parts ``texts``, of which only the ``certain``
    ones are heard; where the whole is doubtful, the last of them decides, unless it is ``costly`` to hear wrongly.
    A yes counts before a question (对，滞纳金怎么算), a short no before anything it does not belong to
    (不用延了，下午就去付); a question counts when its clause asks, a statement when it wants something done.
    """
    heard = [
        (place, reading)
        for place, reading in enumerate(clauses)
        if reading.confidence >= (min(certain, _SURE_ANSWER) if reading.intent in ANSWERS else certain)
        and reading.intent not in COURTESIES | _SILENT
    ]
    primary = whole
    domain = [reading for _, reading in heard if reading.intent not in ANSWERS]
    if whole.intent in (COURTESIES | ANSWERS) - {"goodbye"} and domain:
        primary = domain[0]
    elif whole.confidence < _DOUBTFUL:
        deciding = [reading for reading in domain if reading.intent not in costly]
        primary = deciding[-1] if deciding else whole
    if primary.intent in COURTESIES | ANSWERS | _SILENT:
        return primary, [primary]
    counting: dict[str, Reading] = {}
    for place, reading in heard:
        if reading.intent == primary.intent:
            counting.setdefault(primary.intent, primary)
        elif _stands_beside(reading.intent, texts[place], place, primary.intent):
            counting.setdefault(reading.intent, reading)
    counting.setdefault(primary.intent, primary)
    return primary, list(counting.values())


def worth_reading(whole: Reading, glances: Sequence[str], texts: Sequence[str]) -> list[bool]:
    """Which clauses to read with care; ``glances`` are their intents at a glance.

    A clause that seems to say what the whole says, or nothing that :func:`combine` would hear, is left unread. Where
    the whole is doubtful or empty of content, whatever may carry an intent is read.
    """
    searching = whole.confidence < _DOUBTFUL or whole.intent in COURTESIES | ANSWERS
    return [
        glance not in COURTESIES | _SILENT | {whole.intent}
        and (searching or _stands_beside(glance, text, place, whole.intent))
        for place, (glance, text) in enumerate(zip(glances, texts, strict=True))
    ]


def _stands_beside(intent: str, text: str, place: int, primary: str) -> bool:
    if intent == "affirm":
        return place == 0 and primary.startswith("ask_")
    if intent == "deny":
        answers = len(text) <= _LONGEST_NO and _CONTRAST.match(text) is None
        return place == 0 and answers and primary not in _HOLDS_ITS_NO
    if intent.startswith("ask_"):
        return _ASKS.search(text) is not None
    return intent in _BESIDE and (intent, primary) not in _CONTRARY
