"""The real product, broken in the middle of a form: nothing is lost, nothing is done twice, nobody is left waiting."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from chat.turns import SLOW_WORDS
from gateway.settings import Settings
from store.personas import by_key
from tests.gateway.window import Window, tab
from tests.support.stack import TODAY, Stack, data_folder, wait_until

pytestmark = pytest.mark.model

RESTART_S = 150
"""A Rasa that starts on a busy machine takes its time."""


@pytest.fixture(scope="module")
def victim(trained_model: Path) -> Iterator[Stack]:
    """A stack whose parts are killed; patient enough for Rasa to come back."""
    patience = {"SHUILING_RASA_PATIENCE_S": str(RESTART_S)}
    with data_folder() as folder, Stack(folder, patience) as running:
        yield running


class Talk:
    """A conversation that survives its windows."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        opened = httpx.post(f"{stack.url}/chat/sessions", timeout=10, trust_env=False)
        self.token: str = opened.json()["token"]
        self.hash = hashlib.sha256(self.token.encode()).digest()

    @contextmanager
    def window(self, after: int | None = None) -> Iterator[Window]:
        """A window with what came after a message id; without one, with nothing old."""
        known = self.rows("max(m.id)")[0][0] if after is None else after
        with tab(self.stack.url.replace("http", "ws") + "/chat/ws", self.token, known) as opened:
            yield opened

    def rows(self, columns: str, order: str = "") -> list[tuple[Any, ...]]:
        """Columns of the messages ``m``, each with the message ``t`` it answers."""
        query = (
            f"select {columns} from message m join conversation c on c.id = m.conversation_id "
            f"left join message t on t.id = m.reply_to where c.session_hash = %s {order}"
        )
        with psycopg.connect(self.stack.database_url) as connection:
            return connection.execute(query, (self.hash,)).fetchall()  # type: ignore[call-overload,no-any-return]

    def said(self) -> list[str]:
        """What the taxpayer said."""
        return [
            text for sender, text in self.rows("m.sender, m.text", "order by m.id") if sender == "taxpayer"
        ]

    def states(self) -> set[str]:
        return {state for (state,) in self.rows("m.state")}

    def answers_to(self, text: str) -> list[str]:
        return [said for said, asked in self.rows("m.text, t.text", "order by m.id") if asked == text]

    def verify(self, window: Window, phone: str) -> str:
        """Show to be the taxpayer reached on ``phone``; returns the code used."""
        window.turn("我要核实身份")
        window.turn(phone)
        code = re.search(r"\d{6}", self.stack.outbox()[0]["body"])
        assert code is not None
        assert "核实通过" in window.turn(code[0])
        return code[0]


@pytest.fixture(scope="module")
def applicants(victim: Stack) -> Iterator[str]:
    """Phones of taxpayers with one tax that is not due yet."""
    with psycopg.connect(victim.database_url) as connection:
        found = connection.execute(
            "select min(c.phone_mask) from bill b join contact c using (taxpayer_id) "
            "where taxpayer_id not in (select taxpayer_id from deferral_application) group by taxpayer_id "
            "having count(*) = 1 and bool_and(b.status = 'open' and b.due_date > %s) order by 1",
            (TODAY + timedelta(days=7),),
        ).fetchall()
    return (f"1990000{mask[-4:]}" for (mask,) in found)


def begin_deferral(talk: Talk, window: Window, phone: str) -> None:
    """Up to the question for the reason."""
    talk.verify(window, phone)
    assert "困难" in window.turn("我想申请延期缴纳")


def finish_deferral(window: Window) -> str:
    """From the question for the cash to the number of the application."""
    for answer in ("账上三万五", "没有", "没有"):
        window.turn(answer)
    assert "35000.00元" in window.turn("材料以后补").replace(",", "")
    done = window.turn("确认提交")
    number = re.search(r"YQ\d{4}-\d{6}", done)
    assert number is not None, done
    return number[0]


def test_rasa_killed_in_the_middle_of_a_form(victim: Stack, applicants: Iterator[str]) -> None:
    talk = Talk(victim)
    with talk.window() as window:
        begin_deferral(talk, window, next(applicants))
        dead = victim.kill_rasa()
        window.say("货款没收回来，账上没钱")
        found = window.answers(RESTART_S)
        texts = [(m["sender"], m["text"]) for m in found]
        assert texts[1] == ("system", SLOW_WORDS), "an honest word while nobody answers"
        assert [s for s, _ in texts].count("system") == 1
        assert "几个月" in texts[-1][1], "the form goes on where it was"
        assert victim.child_pid("rasa") not in (0, dead)
        assert "现金" in window.turn("三个月")
        finish_deferral(window)
    assert len(talk.answers_to("货款没收回来，账上没钱")) == 1
    assert talk.states() == {"answered"}


def test_gateway_killed_with_a_message_waiting(victim: Stack, applicants: Iterator[str]) -> None:
    talk = Talk(victim)
    rasa = victim.child_pid("rasa")
    with talk.window() as window:
        begin_deferral(talk, window, next(applicants))
        window.turn("货款没收回来，账上没钱")
        os.kill(rasa, signal.SIGSTOP)
        try:
            window.say("三个月", "mine")
            own = window.messages(1)[0]
            assert own["client_id"] == "mine"
            victim.kill_gateway()
        finally:
            os.kill(rasa, signal.SIGCONT)
    victim.wait_ready()
    wait_until(lambda: bool(talk.answers_to("三个月")), 60, "the answer to what waited")
    assert victim.child_pid("rasa") == rasa
    (answer,) = talk.answers_to("三个月")
    assert "现金" in answer, "the answer was taken and the next question asked"
    with talk.window(own["id"]) as window:
        assert [m["text"] for m in window.messages(1)] == [answer]
        finish_deferral(window)
    assert talk.said().count("三个月") == 1
    assert talk.states() == {"answered"}


@contextmanager
def applications_held(stack: Stack) -> Iterator[None]:
    """Whoever wants to look at the applications waits."""
    with psycopg.connect(stack.database_url) as connection:
        connection.execute("lock table deferral_application in access exclusive mode")
        yield


def somebody_waits(stack: Stack) -> None:
    """Wait until somebody does."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:

        def waiting() -> bool:
            found = connection.execute("select count(*) from pg_locks where not granted").fetchone()
            return found is not None and found[0] > 0

        wait_until(waiting, 20, "the action at the held table")


@pytest.mark.parametrize("part", ["gateway", "rasa", "nothing"])
def test_broken_off_while_the_application_is_being_submitted(
    victim: Stack, applicants: Iterator[str], part: str
) -> None:
    """The action is in the middle of its transaction when one end of the line dies, or just takes very long."""
    talk = Talk(victim)
    with talk.window() as window:
        begin_deferral(talk, window, next(applicants))
        for answer in ("货款没收回来，账上没钱", "三个月", "账上三万五", "没有", "没有", "材料以后补"):
            window.turn(answer)
        with applications_held(victim):
            window.say("确认提交")
            somebody_waits(victim)
            if part == "gateway":
                victim.kill_gateway()
            elif part == "rasa":
                victim.kill_rasa()
            else:
                time.sleep(Settings().rasa_timeout_s + 2)
    victim.wait_ready()
    wait_until(lambda: bool(talk.answers_to("确认提交")), RESTART_S, "the answer")
    told = "".join(talk.answers_to("确认提交"))
    with psycopg.connect(victim.database_url) as connection:
        made = connection.execute(
            "select a.number from deferral_application a join conversation c on c.id = a.conversation_id "
            "where c.session_hash = %s",
            (talk.hash,),
        ).fetchall()
    assert len(made) == 1, told
    assert f"申请已经提交，编号{made[0][0]}" in told
    assert "正在办理" not in told


@contextmanager
def missing(stack: Stack, table: str) -> Iterator[None]:
    """Whatever needs this table fails, and would fail again."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(f"alter table {table} rename to {table}_away")
        try:
            yield
        finally:
            connection.execute(f"alter table {table}_away rename to {table}")


def failures(stack: Stack, action: str) -> tuple[int, int]:
    """How often an action has failed, by the metric and by the log."""
    shown = httpx.get(f"{stack.url}/metrics", timeout=10, trust_env=False).text
    counted = re.search(rf'shuiling_actions_failed_total\{{action="{action}"\}} (\d+)', shown)
    log = "".join(path.read_text(errors="replace") for path in (stack.data_dir / "log").glob("gateway*.log"))
    logged = [line for line in log.splitlines() if '"action_failed"' in line and f'"{action}"' in line]
    return int(counted[1]) if counted else 0, len(logged)


def test_an_action_that_fails_ends_its_turn_and_the_form_goes_on(
    victim: Stack, applicants: Iterator[str]
) -> None:
    """First the form's own action fails, then the one that submits it."""
    talk = Talk(victim)
    with talk.window() as window:
        begin_deferral(talk, window, next(applicants))
        for answer in ("货款没收回来，账上没钱", "三个月", "账上三万五", "没有", "没有"):
            window.turn(answer)
        for words, table, action, then in (
            ("材料以后补", "deferral_material", "validate_deferral_form", "35000.00元"),
            ("确认提交", "deferral_application", "action_deferral_submit", "YQ2026-"),
        ):
            with missing(victim, table):
                window.say(words)
                told = [(m["sender"], m["text"]) for m in window.answers()]
            assert [sender for sender, _ in told] == ["taxpayer", "bot"], "no word of being slow"
            assert "系统暂时出了故障" in told[1][1] and "RG2026-" in told[1][1]
            assert failures(victim, action) == (1, 1)
            assert then in window.turn(words).replace(",", ""), "what was said before is still there"
    assert [state for _, state in talk.rows("m.id, m.state", "order by m.id") if state == "failed"] == [
        "failed"
    ] * 2
    assert "pending" not in talk.states()


def test_a_message_repeated_by_the_widget_after_a_crash_is_taken_once(victim: Stack) -> None:
    talk = Talk(victim)
    with talk.window() as window:
        window.say("滞纳金是怎么算的", "again")
        window.messages(1)
        victim.kill_gateway()
    victim.wait_ready()
    wait_until(lambda: bool(talk.answers_to("滞纳金是怎么算的")), 60, "the answer")
    with talk.window() as window:
        window.say("滞纳金是怎么算的", "again")
        window.messages(1)
        assert window.quiet()
    assert talk.said() == ["滞纳金是怎么算的"]
    assert len(talk.answers_to("滞纳金是怎么算的")) == 1


def test_a_window_open_over_a_restart_misses_nothing(victim: Stack) -> None:
    talk = Talk(victim)
    with talk.window() as one:
        one.say("滞纳金是怎么算的")
        seen = one.answers()
    assert "万分之五" in seen[-1]["text"]
    victim.kill_gateway()
    victim.wait_ready()
    with talk.window(0) as one, talk.window(0) as two:
        history = one.messages(1 + len(seen))
        assert history[1:] == seen
        assert two.messages(1 + len(seen)) == history
        one.say("谢谢")
        assert one.messages(2) == two.messages(2)


def test_proof_of_identity_outlives_a_crash_but_belongs_to_its_conversation(victim: Stack) -> None:
    talk, stranger = Talk(victim), Talk(victim)
    with talk.window() as window:
        talk.verify(window, by_key("overdue_company").phone)
    victim.kill_gateway()
    victim.wait_ready()
    with talk.window() as window:
        assert "12500.30" in window.turn("我欠多少税").replace(",", "")
    with stranger.window() as window:
        said = window.turn("我欠多少税")
        assert "核实" in said and "12500" not in said


def test_logs_hold_nothing_personal(victim: Stack) -> None:
    talk = Talk(victim)
    person = by_key("partly_paid")
    with talk.window() as window:
        code = talk.verify(window, person.phone)
        window.turn("我欠多少税")
    written = "".join(path.read_text(errors="replace") for path in (victim.data_dir / "log").glob("*.log"))
    assert "turn" in written
    for private in (
        person.identifier,
        person.phone,
        person.name,
        code,
        "我欠多少税",
        "货款没收回来",
        talk.token,
    ):
        assert private not in written
