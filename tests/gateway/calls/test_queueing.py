"""What a call is told of its ticket, whatever happens to it in the console."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from gateway.calls.queueing import news
from handoff.calls import CallTicket
from store.handoff_models import TicketStatus
from store.models import Owner
from telephony.call.inputs import AgentClaimed, AgentLeft, Input, Leaving, PlaceChanged, Standing

pytestmark = pytest.mark.unit

A, B = uuid.uuid4(), uuid.uuid4()
WAITING = CallTicket(uuid.uuid4(), TicketStatus.WAITING, None, Owner.QUEUE, 2, 1, 5)
WITH_A = replace(WAITING, status=TicketStatus.ASSIGNED, agent_id=A, owner=Owner.AGENT)
WITH_B = replace(WITH_A, agent_id=B)
CLOSED = replace(WITH_A, status=TicketStatus.CLOSED, owner=Owner.CLOSED)
HANDED_BACK = replace(CLOSED, owner=Owner.BOT)
OTHER = replace(WITH_A, ticket_id=uuid.uuid4())
PLACE = PlaceChanged(Standing(2, 1, 5))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, None, []),
        (None, WAITING, [PLACE]),
        (WAITING, WAITING, [PLACE]),
        (WAITING, WITH_A, [AgentClaimed()]),
        (None, WITH_A, [AgentClaimed()]),
        (WITH_A, WITH_A, []),
        (WITH_A, WAITING, [AgentLeft(Leaving.IN_LINE), PLACE]),
        (WITH_A, WITH_B, [AgentLeft(Leaving.IN_LINE), AgentClaimed()]),
        (WITH_A, CLOSED, [AgentLeft(Leaving.DONE)]),
        (WITH_A, HANDED_BACK, [AgentLeft(Leaving.TO_BOT)]),
        (WAITING, replace(HANDED_BACK, agent_id=None), []),
        (HANDED_BACK, OTHER, [AgentClaimed()]),
        (CLOSED, CLOSED, []),
    ],
)
def test_news(before: CallTicket | None, now: CallTicket | None, told: list[Input]) -> None:
    assert news(before, now) == told
