"""What is logged when something breaks: where and why, never whose."""

from __future__ import annotations

import json
import uuid

import pytest
import structlog
from sqlalchemy.exc import IntegrityError

from gateway import logs
from store.engine import SessionFactory
from store.models import Conversation

pytestmark = pytest.mark.unit


async def test_a_failed_statement_is_logged_without_its_values(
    sessions: SessionFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    before = structlog.get_config()
    try:
        logs.configure("INFO")
        log = structlog.get_logger("test")
        for _ in range(2):
            try:
                async with sessions() as session, session.begin():
                    session.add(Conversation(id=uuid.uuid4(), channel="rest", external_id="隐私内容"))
            except IntegrityError:
                log.exception("action_failed", action="x")
    finally:
        structlog.configure(**before)
    out, err = capfd.readouterr()
    assert out == "", "logs go where a terminal's programs do not read"
    (line,) = [json.loads(line) for line in err.splitlines()]
    assert (line["event"], line["action"], line["level"]) == ("action_failed", "x", "error")
    assert "IntegrityError" in str(line["exception"])
    assert "隐私内容" not in err
