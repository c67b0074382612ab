"""Where the bot takes a conversation up again when a human hands it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A place to go on from.

    ``label`` is what the agent chooses by; ``command`` is what the dialogue is sent, an intent of ``domain.yml`` that a
    rule answers; ``shown`` stands in the thread, for everybody to read.
    """

    key: str
    label: str
    command: str
    shown: str


POINTS: tuple[Point, ...] = (
    Point("menu", "从菜单开始", "/greet", "（税铃接着为您服务）"),
    Point("deferral", "继续办理延期", "/apply_deferral", "（税铃接着为您办延期申请）"),
    Point("deferral_status", "查延期办理进度", "/ask_deferral_status", "（税铃为您查延期申请的进度）"),
    Point("balance", "查欠税", "/ask_balance", "（税铃为您查欠税）"),
    Point("late_fee", "算本人的滞纳金", "/ask_late_fee_amount", "（税铃为您算滞纳金）"),
    Point("late_fee_rule", "说滞纳金怎么算", "/ask_late_fee_rule", "（税铃为您说滞纳金怎么算）"),
    Point("how_to_pay", "说怎么缴税", "/ask_how_to_pay", "（税铃为您说怎么缴税）"),
    Point("promise", "约定缴税日子", "/promise_to_pay", "（税铃和您约个缴税的日子）"),
    Point("verify", "核实身份", "/verify_self", "（税铃帮您核实身份）"),
    Point("callback", "约人工回电", "/request_callback", "（税铃帮您约人工回电）"),
)
"""In the order they are offered."""
BY_KEY: Mapping[str, Point] = {point.key: point for point in POINTS}


def point(key: str) -> Point:
    """The point of this key. Raises ``KeyError`` for one that is not offered."""
    return BY_KEY[key]
