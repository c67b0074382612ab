"""How what was asked or talked about last changes the reading of a short message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

import yaml

TABLE = Path(__file__).parents[2] / "nlu_data" / "context.yml"
A_DAY = "日期"
CERTAIN = 0.9
"""Confidence of a reading that follows from the talk."""
NOT_UNDERSTOOD = "nlu_fallback"
_LONGEST_ANSWER = 8
_LONGEST_CHOICE = 10
_FIRST = re.compile(r"第一|第1|前(面|一个|者)|头一个")
_SECOND = re.compile(r"第二|第2|后(面|一个|者)")
_NEITHER = re.compile(r"都不|两个都不|不是这")
_SURE = 0.5
_LIKELY = 0.12
"""Probability from which a yes or a no is believed when just that was asked for."""
_ASKS = re.compile(r"[?？]|吗|呢$|什么|怎么|多少|为何|能不能|可不可以|几时|哪")
_TAKES_BACK = re.compile(r"不对|不是|错了|[说讲填写打记搞]错")
_FILLER = re.compile(r"[\W_]|[吧啊呀嘛呢了哦喔哈噢嗯呃额]|那个(?!人)|我想问|请问|就是说")
_NEVER = frozenset({"distress", "request_human", "opt_out", "wrong_person", "suspect_fraud", "cancel"})
"""Heard as they are, whatever was asked."""
_PASSING = frozenset(
    {
        "greet",
        "thank",
        "goodbye",
        "affirm",
        "deny",
        "inform",
        "repeat",
        "verify_self",
        "nlu_fallback",
        "out_of_scope",
    }
)
"""Intents that leave the topic as it was."""


@dataclass(frozen=True)
class Situation:
    """Where the talk stands: the slot a form has just asked for, the topic, the readings just put to choice."""

    asked: Optional[str] = None
    topic: Optional[str] = None
    offered: tuple[str, ...] = ()


@dataclass(frozen=True)
class FollowUp:
    """An elliptical message and what it means after each topic."""

    said: re.Pattern[str]
    after: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """``nlu_data/context.yml``."""

    yes_no: frozenset[str]
    values: Mapping[str, frozenset[str]]
    follow_ups: tuple[FollowUp, ...]

    @classmethod
    def read(cls, path: Path = TABLE) -> Table:
        """Read the file; raises ValueError for a pattern that is none."""
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            follow_ups = tuple(
                FollowUp(re.compile(rule["said"]), rule["after"]) for rule in given["follow_ups"]
            )
        except re.error as error:
            raise ValueError(f"{path}: {error.pattern!r} is no pattern: {error}") from error
        return cls(
            frozenset(given["yes_no"]),
            {slot: frozenset(kinds) for slot, kinds in given["values"].items()},
            follow_ups,
        )


@lru_cache(maxsize=1)
def shared_table() -> Table:
    """The table, read once."""
    return Table.read()


def topic_of(intents: Sequence[str]) -> Optional[str]:
    """The topic after messages with these intents, oldest first: the last that was more than an answer."""
    return next((intent for intent in reversed(intents) if intent not in _PASSING), None)


def shape_of(text: str, entities: Sequence[Mapping[str, Any]]) -> str:
    """``text`` with :data:`A_DAY` in place of each day; offsets of Rasa's ``entities`` count in ``text``."""
    for entity in sorted(entities, key=lambda e: -int(e["start"])):
        if entity.get("entity") == "date" and not entity.get("negated"):
            text = f"{text[: entity['start']]}{A_DAY}{text[entity['end'] :]}"
    return text


def reread(
    shape: str,
    ranking: Mapping[str, float],
    entities: Sequence[Mapping[str, Any]],
    situation: Situation,
    table: Table,
) -> Optional[str]:
    """The intent of a message in its situation, None when the situation changes nothing.

    ``shape`` is the message in Mandarin spelling with its days replaced (:func:`shape_of`); ``ranking`` has the
    probability of each intent, likeliest first.
    """
    first = next(iter(ranking), None)
    if first in _NEVER and ranking[first] >= _SURE:
        return None
    rest = _FILLER.sub("", shape)
    if situation.offered and len(rest) <= _LONGEST_CHOICE:
        choice = _choice(rest, first, situation.offered)
        if choice is not None:
            return choice
    if situation.asked is not None:
        answer = None if _ASKS.search(shape) else _answer(rest, ranking, entities, situation.asked, table)
        if answer is not None:
            return answer
    for rule in table.follow_ups:
        if situation.topic in rule.after and rule.said.fullmatch(rest):
            return rule.after[str(situation.topic)]
    return None


def _choice(rest: str, first: Optional[str], offered: tuple[str, ...]) -> Optional[str]:
    if _NEITHER.search(rest):
        return NOT_UNDERSTOOD
    if len(offered) > 1 and _SECOND.search(rest):
        return offered[1]
    if _FIRST.search(rest) or (len(offered) == 1 and first == "affirm"):
        return offered[0]
    return None


def _answer(
    rest: str,
    ranking: Mapping[str, float],
    entities: Sequence[Mapping[str, Any]],
    asked: str,
    table: Table,
) -> Optional[str]:
    if asked in table.yes_no and len(rest) <= _LONGEST_ANSWER:
        yes, no = ranking.get("affirm", 0.0), ranking.get("deny", 0.0)
        likelier = "affirm" if yes >= no else "deny"
        return likelier if max(yes, no) >= _LIKELY else None
    wanted = table.values.get(asked, frozenset())
    found = [e for e in entities if e.get("entity") in wanted and not e.get("negated")]
    if found and len(rest) - sum(e["end"] - e["start"] for e in found) <= _LONGEST_ANSWER // 2:
        corrects = any(e.get("negated") for e in entities) or _TAKES_BACK.match(rest) is not None
        return "correct_answer" if corrects else "inform"
    return None
