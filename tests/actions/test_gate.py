"""No action says anything of a taxpayer's own without proof, whatever was asked and however it was asked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.core import Capability, Services
from actions.gate import PENDING, VERIFY_FORM
from actions.registry import CAPABILITIES
from kb.embed import HashingEmbedder
from kb.search import KnowledgeBase
from store.models import Bill, Conversation, Taxpayer
from store.personas import PERSONAS, by_key
from tests.actions.conftest import CODE_LIFE, PROOF_LIFE, Door, wrong
from tests.chat.database import CIPHER

pytestmark = pytest.mark.unit

NAMES = tuple(p.name.removesuffix("（虚构）") for p in PERSONAS)
BEHIND_THE_GATE = (
    "action_already_paid", "action_balance", "action_deferral_start", "action_deferral_status",
    "action_deferral_withdraw", "action_due_date", "action_late_fee", "action_promise_start",
)  # fmt: skip


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    cache: Path = tmp_path_factory.mktemp("vectors")
    return KnowledgeBase.load(embedder=HashingEmbedder(), cache_dir=cache)


@pytest.fixture
def services(door: Door, kb: KnowledgeBase) -> Services:
    return Services(
        sessions=door.sessions,
        cipher=CIPHER,
        kb=kb,
        now=lambda: door.now,
        today=lambda: door.today,
        code_life=CODE_LIFE,
        proof_life=PROOF_LIFE,
        document_link=lambda application: f"/chat/documents/{application}.pdf",
    )


async def run(
    services: Services,
    name: str,
    conversation: uuid.UUID,
    text: str = "我欠多少税",
    intent: str = "ask_balance",
    slots: Mapping[str, Any] | None = None,
    form: str | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One action as Rasa's executor runs it: its messages and its events."""
    capability: type[Capability] = next(c for c in CAPABILITIES if c.action_name == name)
    latest = {"text": text, "intent": {"name": intent, "confidence": 0.9}, "entities": []}
    tracker = Tracker(
        str(conversation), dict(slots or {}), latest, [{"event": "user"}], False, None,
        {"name": form} if form else {}, "action_listen",
    )  # fmt: skip
    dispatcher = CollectingDispatcher()
    events = await capability(services).run(dispatcher, tracker, {})
    return dispatcher.messages, events


def facts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [fact for m in messages for fact in (m.get("custom") or {}).get("facts", ())]


def words(messages: list[dict[str, Any]]) -> str:
    return "\n".join(
        [m.get("text") or "" for m in messages]
        + [b["title"] for m in messages for b in m.get("buttons") or ()]
        + [str((m.get("custom") or {}).get("show")) for m in messages]
    )


SLOTS = {
    "def_bill": None, "def_reason": "cash_shortage", "def_months": 3, "def_cash": "1.00", "def_wages": "1.00",
    "def_social": "1.00", "def_materials": "done", "def_confirmed": True, "withdraw_confirmed": "yes",
    "promise_date": "2026-12-01", "promise_confirmed": True, "paid_date": "2026-11-01", "paid_channel": "银行",
}  # fmt: skip


@pytest.mark.parametrize("name", [c.action_name for c in CAPABILITIES])
async def test_no_action_says_anything_of_anybody_without_proof(
    services: Services, door: Door, name: str
) -> None:
    async with door.sessions() as session:
        bill = await session.scalar(
            select(Bill).join(Taxpayer).where(Taxpayer.name == by_key("overdue_company").name)
        )
    assert bill is not None
    intent = "thank" if name == "action_courtesy" else "ask_balance"
    for slots in (SLOTS, {**SLOTS, "def_bill": str(bill.id)}):
        messages, _ = await run(services, name, await door.conversation(), intent=intent, slots=slots)
        said = words(messages)
        assert not [f for f in facts(messages) if f["kind"] in ("bill", "sum", "money_test")]
        assert not any(name in said for name in NAMES)
        assert "12500.30" not in said and bill.bill_no not in said
        assert not re.search(r"有\d+笔未缴|已过期|已逾期|没有未缴", said)


@pytest.mark.parametrize("name", BEHIND_THE_GATE)
async def test_whoever_asks_is_asked_who_they_are_and_what_they_wanted_is_kept(
    services: Services, door: Door, name: str
) -> None:
    messages, events = await run(services, name, await door.conversation())
    assert "核实一下身份" in words(messages)
    assert SlotSet(PENDING, name) in events
    assert [e["name"] for e in events if e["event"] == "followup"] == [VERIFY_FORM]


@pytest.mark.parametrize("name", BEHIND_THE_GATE)
async def test_debtors_and_strangers_hear_the_same_before_proof(
    services: Services, door: Door, name: str
) -> None:
    """Somebody who has named a debtor, or is on the way to prove it, hears what anybody hears."""
    heard = set()
    for value in (by_key("long_overdue").identifier, by_key("no_debt").identifier, "91990101MA0X9999XX"):
        talk = await door.conversation()
        await door.start(talk, value)
        messages, _ = await run(services, name, talk)
        heard.add(words(messages))
    assert len(heard) == 1


@pytest.mark.parametrize("name", BEHIND_THE_GATE)
async def test_a_lock_is_said_and_leads_to_a_human(services: Services, door: Door, name: str) -> None:
    talk = await door.conversation()
    await door.start(talk, by_key("overdue_company").identifier)
    for _ in range(3):
        await door.enter(talk, wrong(await door.code()))
    messages, events = await run(services, name, talk)
    assert "半小时" in words(messages) and "转人工" in words(messages)
    assert FollowupAction(VERIFY_FORM) not in events


async def test_behind_the_gate_the_own_bills_are_said_with_their_sources(
    services: Services, door: Door
) -> None:
    talk = await door.verified("overdue_company")
    messages, _ = await run(services, "action_balance", talk)
    assert "12500.30" in words(messages).replace(",", "")
    assert [f["kind"] for f in facts(messages)] == ["bill"]


@pytest.mark.parametrize("name", BEHIND_THE_GATE)
async def test_a_proof_that_ran_out_is_no_proof(services: Services, door: Door, name: str) -> None:
    talk = await door.verified("overdue_company")
    door.later(minutes=31)
    messages, _ = await run(services, name, talk)
    assert "核实一下身份" in words(messages)
    assert not facts(messages)


async def test_a_slot_that_claims_a_proof_is_not_one(services: Services, door: Door) -> None:
    talk = await door.conversation()
    slots = {"verify_code": "done", "verify_identifier": "信用代码#1", PENDING: "action_balance"}
    messages, _ = await run(services, "action_after_verification", talk, slots=slots)
    assert not messages
    messages, _ = await run(services, "action_balance", talk, slots=slots)
    assert "核实一下身份" in words(messages)


async def test_in_the_middle_of_another_form_nothing_is_lost_and_nothing_said(
    services: Services, door: Door
) -> None:
    talk = await door.conversation()
    messages, events = await run(services, "action_balance", talk, form="complaint_form")
    assert "先核实身份" in words(messages)
    assert events[-1]["name"] == "complaint_form"
    async with door.sessions() as session:
        assert (await session.get_one(Conversation, talk)).taxpayer_id is None
