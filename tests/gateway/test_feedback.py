"""Votes on quoted articles: over HTTP into the store, and out again by ``shuiling kb feedback``."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psycopg
import pytest
import typer
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from gateway.cli import kb as kb_cli
from tests.gateway.conftest import Client

pytestmark = pytest.mark.unit

VOTES = "select article_id, helpful, question from article_feedback where message_id = %s"


def talk(url: str, client: Client, article: str | None, question: str) -> tuple[dict[str, str], int]:
    """A conversation in which ``question`` was answered from ``article``; its header and the answer's id."""
    token = client.post("/chat/sessions").json()["token"]
    facts = [{"kind": "article", "article_id": article}] if article else []
    with psycopg.connect(url) as connection:
        (conversation,) = connection.execute(
            "select id from conversation order by created_at desc limit 1"
        ).fetchone() or (uuid.UUID(int=0),)
        (asked,) = connection.execute(
            "insert into message (conversation_id, sender, text, state) values (%s, 'taxpayer', %s, 'answered')"
            " returning id",
            (conversation, question),
        ).fetchone() or (0,)
        (answered,) = connection.execute(
            "insert into message (conversation_id, sender, text, payload, state, reply_to)"
            " values (%s, 'bot', '答', %s, 'answered', %s) returning id",
            (conversation, Jsonb({"facts": facts}), asked),
        ).fetchone() or (0,)
    return {"Authorization": f"Bearer {token}"}, answered


def rows(url: str, message: int) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(VOTES, (message,)).fetchall()


def test_a_vote_is_kept_once_and_can_be_changed(client: Client, seeded_url: str) -> None:
    header, answer = talk(seeded_url, client, "late-fee-rule", "滞纳金怎么算")
    for helpful in (True, True, False):
        voted = client.post("/chat/feedback", json={"message_id": answer, "helpful": helpful}, headers=header)
        assert voted.status_code == 204
    assert rows(seeded_url, answer) == [("late-fee-rule", False, "滞纳金怎么算")]


def test_only_ones_own_quoted_answers_can_be_voted_on(client: Client, seeded_url: str) -> None:
    header, answer = talk(seeded_url, client, "late-fee-rule", "滞纳金怎么算")
    other, plain = talk(seeded_url, client, None, "你好")
    for who, message, status in (
        (other, answer, 404),
        (other, plain, 404),
        (header, 2**40, 404),
        ({}, answer, 401),
    ):
        voted = client.post("/chat/feedback", json={"message_id": message, "helpful": True}, headers=who)
        assert voted.status_code == status
    assert rows(seeded_url, answer) == rows(seeded_url, plain) == []


@pytest.mark.parametrize(
    "body", [{}, {"message_id": 1}, {"message_id": "x", "helpful": True}, {"message_id": -1, "helpful": 1}]
)
def test_a_malformed_vote_is_refused(client: Client, body: dict[str, Any]) -> None:
    header = {"Authorization": f"Bearer {client.post('/chat/sessions').json()['token']}"}
    assert client.post("/chat/feedback", json=body, headers=header).status_code == 422


def test_the_list_begins_with_what_helped_least(
    client: Client,
    seeded_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for article, question, helpful in (
        ("sixty-days", "复议几天内提", True),
        ("refund", "多交的怎么退", False),
        ("refund", "退税要多久", True),
        ("offset", "抵不抵得了", False),
    ):
        header, answer = talk(seeded_url, client, article, question)
        client.post("/chat/feedback", json={"message_id": answer, "helpful": helpful}, headers=header)
    monkeypatch.setenv("DATABASE_URL", seeded_url)
    app = typer.Typer()
    kb_cli.register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["kb", "feedback", "--days", "1", "--json"])
    assert result.exit_code == 0, result.output
    listed = {v["article_id"]: v for v in json.loads(result.output)}
    order = [v["article_id"] for v in json.loads(result.output)]
    assert order.index("offset") < order.index("refund") < order.index("sixty-days")
    assert listed["refund"] == {
        "article_id": "refund", "helpful": 1, "unhelpful": 1, "unhelpful_share": 0.5, "questions": ["多交的怎么退"],
    }  # fmt: skip
    shown = CliRunner().invoke(app, ["kb", "feedback"]).output
    assert "100%  没帮助 1  有帮助 0  offset" in shown
    assert "抵不抵得了" in shown
    assert "复议几天内提" not in shown
