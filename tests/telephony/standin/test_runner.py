"""Playing a plan against a gateway that is only pretended; the stand-in is the real one."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from pathlib import Path

import httpx
import pytest
import typer
from rich.console import Console

from telephony.standin.__main__ import faults_from
from telephony.standin.cast import Booking, CastError, Member, load
from telephony.standin.clients import HttpGateway, RunError, StandinClient
from telephony.standin.exchange import Exchange
from telephony.standin.faults import Faults
from telephony.standin.orders import Form, read_order
from telephony.standin.run import play
from telephony.standin.runner import Runner, plan, summary
from telephony.standin.table import Row, table
from tests.telephony.standin.fakes import CALLER, PUBLIC, SID, TOKEN, exchange_for, rest_of, script

pytestmark = pytest.mark.unit
ANN = Member("overdue_company", "t-1", "+8619900000003", {"last4": "3184"})
BOB = Member("two_bills", "t-2", "+8619900000004", {"last4": "0004"})
BUSY = script("  - busy", name="b", expect="{outcome: busy}", packs="[mandarin, sichuan]")
DEAD = script("  - invalid", name="d", expect="{outcome: invalid_number}", who="[overdue_company]")


class PretendedGateway:
    """Calls through the exchange as the gateway would; every call has one outcome, ``says``, once it is over."""

    def __init__(self, exchange: Exchange, says: str) -> None:
        self._exchange, self._says = exchange, says
        self.placed: list[tuple[str, str]] = []
        self.most_at_once = 0
        self._live = 0

    async def place(self, to: str, taxpayer: str) -> str:
        self.placed.append((to, taxpayer))
        self._live += 1
        self.most_at_once = max(self.most_at_once, self._live)
        order = read_order(Form([("To", to), ("From", CALLER), ("Url", PUBLIC)]))
        return self._exchange.place(order).sid

    async def outcome(self, call_id: str) -> str | None:
        await self._exchange.over(call_id)
        self._live -= 1
        return self._says


def test_a_plan_holds_every_script_in_every_accent_and_goes_round() -> None:
    assert [(part.script.name, part.pack) for part in plan([BUSY, DEAD], None)] == [
        ("b", "mandarin"),
        ("b", "sichuan"),
        ("d", "mandarin"),
    ]
    assert [part.script.name for part in plan([BUSY, DEAD], 7)] == ["b", "b", "d", "b", "b", "d", "b"]


async def test_each_call_is_judged_by_its_script_and_shown() -> None:
    async with exchange_for("http://127.0.0.1:9") as exchange, rest_of(exchange) as client:
        gateway = PretendedGateway(exchange, "busy")
        standin = StandinClient(client, "http://carrier", SID, TOKEN)
        runner = Runner(plan([BUSY, DEAD], None), [ANN, BOB], gateway, standin, at_once=24)
        console = Console(width=160, record=True, file=io.StringIO())
        await play(runner, console)
    assert [(row.script, row.outcome, row.right) for row in runner.rows] == [
        ("b", "busy", True),
        ("b", "busy", True),
        ("d", "busy", False),
    ]
    assert [row.state for row in runner.rows] == ["busy", "busy", "failed"]
    assert ("+8619900000003", "t-1") in gateway.placed
    told = summary(runner.rows)
    assert (told["calls"], told["right"], told["right_share"]) == (3, 2, 0.6667)
    assert [wrong["script"] for wrong in told["wrong"]] == ["d"]
    shown = console.export_text()
    assert "✓ busy" in shown
    assert "✗ busy" in shown


def test_the_summary_names_the_slowest_tenth_of_the_replies() -> None:
    rows = [Row("b", "", "sichuan", ()), Row("c", "", "mandarin", ())]
    rows[0].figures = {
        "reply_gaps_ms": [*map(float, range(100, 111))],
        "answered": [*"一二三四五六七八九十百"],
    }
    rows[1].figures = {"reply_gaps_ms": [900.0], "answered": ["喂"]}
    told = summary(rows)
    assert told["reply_gap_ms"]["count"] == 12
    assert told["slowest_replies"] == [
        {"gap_ms": 900.0, "script": "c", "pack": "mandarin", "after": "喂"},
        {"gap_ms": 110.0, "script": "b", "pack": "sichuan", "after": "百"},
    ]


async def test_a_person_is_on_one_call_at_a_time_and_no_more_calls_run_than_asked() -> None:
    async with exchange_for("http://127.0.0.1:9") as exchange, rest_of(exchange) as client:
        gateway = PretendedGateway(exchange, "busy")
        standin = StandinClient(client, "http://carrier", SID, TOKEN)
        await asyncio.wait_for(Runner(plan([BUSY], 4), [ANN], gateway, standin, at_once=24).run(), 20)
    assert gateway.most_at_once == 1
    assert len(gateway.placed) == 4


async def test_calls_are_placed_no_faster_than_the_carrier_takes_them() -> None:
    placed: list[float] = []

    class Clocked(PretendedGateway):
        async def place(self, to: str, taxpayer: str) -> str:
            placed.append(asyncio.get_running_loop().time())
            return await super().place(to, taxpayer)

    async with exchange_for("http://127.0.0.1:9") as exchange, rest_of(exchange) as client:
        standin = StandinClient(client, "http://carrier", SID, TOKEN)
        runner = Runner(
            plan([BUSY], 3), [ANN, BOB], Clocked(exchange, "busy"), standin, at_once=3, every_s=0.2
        )
        await asyncio.wait_for(runner.run(), 20)
    assert all(later - earlier > 0.19 for earlier, later in itertools.pairwise(placed))


async def test_the_gateway_is_left_alone_while_a_call_goes_on() -> None:
    asked: list[float] = []

    class Patient(PretendedGateway):
        async def outcome(self, call_id: str) -> str | None:
            asked.append(asyncio.get_running_loop().time())
            return "busy" if len(asked) > 1 else None

    rings = script("  - busy", name="r", expect="{outcome: busy}", ring="2s")
    async with exchange_for("http://127.0.0.1:9") as exchange, rest_of(exchange) as client:
        standin = StandinClient(client, "http://carrier", SID, TOKEN)
        runner = Runner(plan([rings], 1), [ANN], Patient(exchange, "busy"), standin, at_once=1)
        await asyncio.wait_for(runner.run(), 20)
    assert runner.rows[0].outcome == "busy"
    # It rings for two seconds; the carrier says when that is over.
    assert len(asked) == 2 and 1.9 < asked[1] - asked[0] < 4


def test_somebody_who_does_not_exist_cannot_be_called() -> None:
    with pytest.raises(CastError, match="overdue_company"):
        Runner(plan([DEAD], None), [BOB], None, None, 1)  # type: ignore[arg-type]
    with pytest.raises(CastError, match="任何人"):
        Booking([]).check(())


def test_who_is_like_somebody_is_called_in_their_place_when_they_are_busy() -> None:
    named = Member("overdue_company", "1", "+861", {})
    like = [Member(f"crowd_{n}", str(n), f"+86{n}", {}, None, "overdue_company") for n in (2, 3)]
    booking = Booking([like[0], named, Member("other", "9", "+869", {}), like[1]])
    assert [booking.take(["overdue_company"]) for _ in range(4)] == [named, *like, None]
    booking.give_back(named)
    assert booking.take(["overdue_company"]) == named


async def test_the_gateway_is_asked_with_its_token_and_its_refusals_are_explained() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/calls/gone.json":
            return httpx.Response(403)
        if request.method == "POST":
            return httpx.Response(201, json={"id": "c-1"})
        return httpx.Response(
            200, json={"id": "c-1", "outcome": None if request.url.path == "/calls/c-1.json" else "silent"}
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        gateway = HttpGateway(client, "http://g/", "token")
        assert await gateway.place(ANN.to, "t-1") == "c-1"
        assert await gateway.outcome("c-1") is None
        assert await gateway.outcome("c-2") == "silent"
        with pytest.raises(RunError, match="SHUILING_INTERNAL_TOKEN"):
            await gateway.outcome("gone")
    assert json.loads(asked[0].content) == {"to": ANN.to, "carrier": "standin", "taxpayer": "t-1"}
    assert asked[0].headers["authorization"] == "Bearer token"


def test_a_cast_is_read_and_its_mistakes_named(tmp_path: Path) -> None:
    file = tmp_path / "cast.json"
    file.write_text(json.dumps([{"key": "a", "taxpayer": "1", "to": "+86199", "fields": {"last4": "1"}}]))
    assert load(file) == (Member("a", "1", "+86199", {"last4": "1"}),)
    for content, says in (
        ("{", "JSON"),
        ("{}", "列表"),
        ('[{"key": "a"}]', "第 1 人：缺少 taxpayer"),
        ('[{"key": "a", "taxpayer": "1", "to": "+86199", "like": 3}]', "like"),
    ):
        file.write_text(content)
        with pytest.raises(CastError, match=says):
            load(file)


def test_the_headline_counts_live_and_ended_calls() -> None:
    rows = [
        Row("a", "甲", "mandarin", ("busy",), state="in-progress", saying="一" * 40, bot_talking=True),
        Row("b", "乙", "mandarin", ("busy",), state="busy", outcome="busy"),
        Row("c", "丙", "mandarin", ("busy",), state="failed", outcome="silent"),
    ]
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(rows))
    shown = console.export_text()
    assert "通话中 1 路 · 已结束 2/3 · 结局正确 1" in shown
    assert "机器人" in shown
    assert "…" in shown


def test_command_line_words_are_checked() -> None:
    assert faults_from(["jitter_ms=80", "forged=true"]) == Faults(jitter_ms=80, forged=True)
    with pytest.raises(typer.BadParameter, match="没有“rain”"):
        faults_from(["rain=1"])
