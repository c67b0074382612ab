"""What operators see of running calls."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.calls.live import LiveCall, LiveCalls
from telephony.call.inputs import MachineSaid
from telephony.events import Partial, Utterance

pytestmark = pytest.mark.unit


def utterance(text: str) -> Utterance:
    return Utterance(text, text, 0.9, "mandarin", 0, 500, 800)


def call(proving: bool) -> tuple[LiveCall, list[tuple[str, str, bool]], list[Any]]:
    shown: list[tuple[str, str, bool]] = []
    put: list[Any] = []
    session: Any = SimpleNamespace(proving=proving, put=put.append)
    return LiveCall(uuid.uuid4(), "standin", session, lambda *line: shown.append(line)), shown, put


def test_the_callers_own_page_shows_what_was_said() -> None:
    live, shown, _ = call(proving=True)
    live.watch(Partial("零零", 10))
    live.watch(utterance("0043"))
    live.said("我听到的是零，零，四，三，对吗？")
    assert [line[1] for line in shown] == ["零零", "0043", "我听到的是零，零，四，三，对吗？"]


def test_the_operators_table_has_no_digit_of_the_proof() -> None:
    live, _, _ = call(proving=True)
    live.watch(utterance("0043"))
    live.said("我听到的是零，零，四，三，对吗？")
    assert live.last_heard == "****" and "四" not in live.last_said
    live, _, _ = call(proving=False)
    live.watch(utterance("还欠12500元"))
    assert live.last_heard == "还欠12500元"


async def test_the_carriers_late_news_reach_the_call_they_are_about() -> None:
    live, _, put = call(proving=False)
    calls = LiveCalls()
    with calls.running(live):
        await calls.answered_by(live.call_id, "machine_end_beep")
        await calls.answered_by(uuid.uuid4(), "human")
    await calls.answered_by(live.call_id, "human")
    assert put == [MachineSaid("machine_end_beep")] and list(calls) == []
