"""What actions do otherwise in a call: what was heard may have been something else, and numbers cannot be kept in mind."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actions.core import Context, Turn
from actions.handoff import queue_words
from actions.talk import OptOut
from handoff.entry import Place
from handoff.office import STANDARD

pytestmark = pytest.mark.unit
AT = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


def context(text: str, *, phone: bool) -> Context:
    nothing: Any = None
    turn = Turn(uuid.uuid4(), text, "opt_out", 0.99, ("opt_out",), (), {}, None, phone=phone)
    return Context(turn, nothing, nothing, AT, AT.date())


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    kinds: list[str] = []

    async def note(ctx: Context, kind: str) -> None:
        kinds.append(kind)

    monkeypatch.setattr("actions.talk.note_exclusion", note)
    return kinds


@pytest.mark.parametrize(
    ("text", "phone", "at_once"),
    [
        ("可以以后不", True, False),
        ("以后不要再给我打电话了", True, True),
        ("别再打来了", True, True),
        ("可以以后不", False, True),
    ],
)
async def test_a_wish_for_no_more_calls_that_may_be_misheard_is_asked_about(
    noted: list[str], text: str, phone: bool, at_once: bool
) -> None:
    nothing: Any = None
    reply = await OptOut(nothing).handle(context(text, phone=phone))
    assert noted == (["opt_out"] if at_once else [])
    assert bool(reply.bubbles[0].buttons) != at_once


def test_the_number_of_a_ticket_is_for_the_eye() -> None:
    for ahead, new in ((0, True), (2, False)):
        ticket = Place("RG20261123-000001", ahead, new, True, 1, None, STANDARD)
        assert "RG20261123-000001" in queue_words(ticket, context("", phone=False))
        heard = queue_words(ticket, context("", phone=True))
        assert "RG" not in heard and heard.startswith("您")
