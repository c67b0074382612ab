"""A human hands back: the bot goes on at every point an agent can choose, with what it knew before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.core import Services
from actions.deferral_rules import DEFERRAL_FORM
from actions.quoting import LAST_QUESTION
from handoff.resume import POINTS, Point, point
from kb.embed import HashingEmbedder
from kb.search import KnowledgeBase
from tests.actions.conftest import CODE_LIFE, PROOF_LIFE, Door
from tests.actions.test_gate import run
from tests.chat.database import CIPHER

pytestmark = pytest.mark.unit
ANSWERS = {
    "def_reason": "cash_shortage",
    "def_reason_text": "货款没收回来",
    "def_months": 2,
    "def_cash": "30000.00",
    "def_confirmed": True,
}


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


def answering(intent: str) -> str:
    """The action that answers an intent."""
    rules: list[dict[str, Any]] = yaml.safe_load(Path("nlu_data/rules/intents.yml").read_text("utf-8"))[
        "rules"
    ]
    return next(str(r["steps"][1]["action"]) for r in rules if r["steps"][0].get("intent") == intent)


@pytest.mark.parametrize("resumed", POINTS, ids=lambda p: p.key)
async def test_the_bot_goes_on_at_every_point(services: Services, door: Door, resumed: Point) -> None:
    talk = await door.verified("not_due_sole_trader")
    intent = resumed.command.removeprefix("/")
    messages, events = await run(services, answering(intent), talk, text=resumed.command, intent=intent)
    assert all(m["text"] for m in messages) and messages
    assert not any("/" + intent in str(m) for m in messages)
    assert all(e.get("value") != resumed.command for e in events)


async def test_a_question_of_our_own_is_remembered_in_words(services: Services, door: Door) -> None:
    command = point("late_fee_rule").command
    _, events = await run(
        services, "action_answer", await door.conversation(), text=command, intent="ask_late_fee_rule"
    )
    remembered = next(e["value"] for e in events if e.get("name") == LAST_QUESTION)
    assert "滞纳金" in remembered


@pytest.mark.parametrize(("text", "kept"), [("/apply_deferral", True), ("我要申请延期缴纳", False)])
async def test_an_application_taken_up_again_keeps_its_answers_but_no_consent(
    services: Services, door: Door, text: str, kept: bool
) -> None:
    talk = await door.verified("not_due_sole_trader")
    said, events = await run(
        services, "action_deferral_start", talk, text=text, intent="apply_deferral", slots=ANSWERS
    )
    slots = {e["name"]: e["value"] for e in events if e["event"] == "slot"}
    assert [e["name"] for e in events if e["event"] == "followup"] == [DEFERRAL_FORM], said
    assert (slots["def_cash"] == "30000.00") is kept and (slots["def_months"] == 2) is kept
    assert slots["def_confirmed"] is None and slots["def_bill"]
