"""The browser carrier: who rings, who gets the call, and what is told about it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from telephony.carriers import browser
from telephony.carriers.base import CarrierError, CarrierStatus, Order
from telephony.carriers.browser import BrowserCarrier

pytestmark = pytest.mark.unit

NUMBER = "+8613900001234"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
Told = tuple[CarrierStatus, str]
S = CarrierStatus


class FakePage:
    def __init__(self, number: str | None = None) -> None:
        self.number = number
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send(self, message: dict[str, Any]) -> None:
        self.messages.put_nowait(message)

    async def next(self, kind: str) -> dict[str, Any]:
        message = await asyncio.wait_for(self.messages.get(), 5)
        assert message["type"] == kind
        return message


class Exchange:
    """A carrier with its listener: what was told, in order, and pages that open and close."""

    def __init__(self, any_page: bool = True) -> None:
        self.told: asyncio.Queue[Told] = asyncio.Queue()
        self.carrier = BrowserCarrier(self._deliver, lambda: NOW, any_page=any_page)
        self.pages = ExitStack()
        self.fails = False

    async def _deliver(self, call: uuid.UUID, carrier: str, status: CarrierStatus, detail: str) -> None:
        self.told.put_nowait((status, detail))
        if self.fails:
            raise RuntimeError("the store is gone")

    def page(self, number: str | None = None) -> FakePage:
        page = FakePage(number)
        self.pages.enter_context(self.carrier.present(page))
        return page

    async def call(self, *, to: str = NUMBER, ring_s: int = 30, limit_s: int = 900) -> tuple[uuid.UUID, str]:
        order = Order(uuid.uuid4(), to, ring_s, limit_s)
        return order.call_id, await self.carrier.place(order)

    async def hears(self, *wanted: Told) -> None:
        for each in wanted:
            assert await asyncio.wait_for(self.told.get(), 5) == each


@pytest_asyncio.fixture
async def exchange() -> AsyncIterator[Exchange]:
    made = Exchange()
    yield made
    made.pages.close()
    await made.carrier.close()


RINGS: tuple[Told, ...] = ((S.INITIATED, ""), (S.RINGING, ""))


async def answered(exchange: Exchange, page: FakePage, **order: int) -> tuple[uuid.UUID, str, str]:
    call, carrier_id = await exchange.call(**order)
    await page.next("ring")
    assert exchange.carrier.answer(page, call)
    connect = await page.next("connect")
    assert connect["carrier"] == carrier_id
    return call, carrier_id, connect["token"]


async def test_a_call_from_ring_to_end(exchange: Exchange) -> None:
    page = exchange.page()
    call, carrier_id = await exchange.call()
    ring = await page.next("ring")
    assert ring == {
        "type": "ring",
        "call": str(call),
        "ring_s": 30,
        "from": {"name": "税务局提醒电话", "number": "12366"},
    }
    await exchange.hears(*RINGS)
    assert exchange.carrier.answer(page, call)
    token = (await page.next("connect"))["token"]
    with exchange.carrier.media(call, token) as over:
        await exchange.hears((S.IN_PROGRESS, ""))
        assert over is not None and not over.is_set()
        exchange.carrier.line(call, "caller", "喂", final=False)
        line = await page.next("line")
        assert (line["speaker"], line["text"], line["final"]) == ("caller", "喂", False)
        await exchange.carrier.hang_up(carrier_id)
        assert over.is_set()
        assert (await page.next("ended"))["reason"] == "ended"
    await exchange.hears((S.COMPLETED, ""))


async def test_a_page_that_closes_its_media_has_hung_up(exchange: Exchange) -> None:
    page = exchange.page()
    call, _, token = await answered(exchange, page)
    with exchange.carrier.media(call, token):
        await exchange.hears(*RINGS, (S.IN_PROGRESS, ""))
    await exchange.hears((S.COMPLETED, ""))


async def test_nobody_there(exchange: Exchange) -> None:
    await exchange.call(ring_s=0)
    await exchange.hears((S.INITIATED, ""), (S.RINGING, "nobody"), (S.NO_ANSWER, "no_answer"))


async def test_nobody_answers(exchange: Exchange) -> None:
    page = exchange.page()
    call, _ = await exchange.call(ring_s=0)
    await exchange.hears(*RINGS, (S.NO_ANSWER, "no_answer"))
    await page.next("ring")
    assert (await page.next("stop"))["reason"] == "no_answer"
    assert not exchange.carrier.answer(page, call)


async def test_a_page_opened_meanwhile_rings_too(exchange: Exchange) -> None:
    call, _ = await exchange.call()
    await exchange.hears((S.INITIATED, ""), (S.RINGING, "nobody"))
    page = exchange.page()
    await page.next("ring")
    assert exchange.carrier.answer(page, call)


async def test_the_first_to_answer_has_it(exchange: Exchange) -> None:
    first, second = exchange.page(), exchange.page()
    call, _ = await exchange.call()
    for page in (first, second):
        await page.next("ring")
    assert exchange.carrier.answer(second, call)
    assert (await first.next("stop"))["reason"] == "elsewhere"
    assert not exchange.carrier.answer(first, call)
    await second.next("connect")


@pytest.mark.parametrize(
    ("do", "status", "detail", "reason"),
    [
        (lambda carrier, page, call, _: carrier.reject(page, call), S.BUSY, "rejected", "rejected"),
        (
            lambda carrier, page, _, carrier_id: carrier.hang_up(carrier_id),
            S.CANCELED,
            "canceled",
            "canceled",
        ),
    ],
)
async def test_not_taken(
    exchange: Exchange, do: Callable[..., Any], status: S, detail: str, reason: str
) -> None:
    page, other = exchange.page(), exchange.page()
    call, carrier_id = await exchange.call()
    for each in (page, other):
        await each.next("ring")
    result = do(exchange.carrier, page, call, carrier_id)
    if result is not None:
        await result
    await exchange.hears(*RINGS, (status, detail))
    for each in (page, other):
        assert (await each.next("stop"))["reason"] == reason


async def test_a_page_in_a_call_is_engaged(exchange: Exchange) -> None:
    page = exchange.page()
    call, _, token = await answered(exchange, page)
    with exchange.carrier.media(call, token):
        await exchange.hears(*RINGS, (S.IN_PROGRESS, ""))
        await exchange.call()
        await exchange.hears((S.INITIATED, ""), (S.BUSY, "engaged"))
        assert page.messages.empty()
    await exchange.hears((S.COMPLETED, ""))
    await exchange.call()
    await page.next("ended")
    await page.next("ring")


async def test_outside_the_demo_only_its_number_rings() -> None:
    exchange = Exchange(any_page=False)
    own, other, any_ = exchange.page(NUMBER), exchange.page("+8613900009999"), exchange.page()
    await exchange.call()
    await own.next("ring")
    assert other.messages.empty() and any_.messages.empty()
    await exchange.carrier.close()
    exchange.pages.close()


async def test_a_token_is_good_once_and_for_its_call_only(exchange: Exchange) -> None:
    page = exchange.page()
    call, _, token = await answered(exchange, page)
    for wrong in ("", "x", token[:-1]):
        with exchange.carrier.media(call, wrong) as over:
            assert over is None
    with exchange.carrier.media(uuid.uuid4(), token) as over:
        assert over is None
    with exchange.carrier.media(call, token) as over:
        assert over is not None
        with exchange.carrier.media(call, token) as second:
            assert second is None
        await exchange.hears(*RINGS, (S.IN_PROGRESS, ""))
    with exchange.carrier.media(call, token) as again:
        assert again is None


async def test_a_page_that_answers_but_never_speaks(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "CONNECT_S", 0)
    page = exchange.page()
    call, _, token = await answered(exchange, page)
    await exchange.hears(*RINGS, (S.FAILED, "no_media"))
    assert (await page.next("ended"))["reason"] == "failed"
    with exchange.carrier.media(call, token) as over:
        assert over is None


async def test_a_page_that_goes_before_it_speaks(exchange: Exchange) -> None:
    page = FakePage()
    with exchange.carrier.present(page):
        await answered(exchange, page)
    await exchange.hears(*RINGS, (S.FAILED, "no_media"))


async def test_the_longest_call_ends(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "GOODBYE_S", 0)
    page = exchange.page()
    call, _, token = await answered(exchange, page, limit_s=0)
    with exchange.carrier.media(call, token) as over:
        await exchange.hears(*RINGS, (S.IN_PROGRESS, ""), (S.COMPLETED, "limit"))
        assert over is not None and over.is_set()
    assert (await page.next("ended"))["reason"] == "limit"


async def test_a_page_comes_back_into_its_call(exchange: Exchange) -> None:
    page = exchange.page()
    call, carrier_id, token = await answered(exchange, page)
    with exchange.carrier.media(call, token):
        back, stranger = exchange.page(), exchange.page()
        exchange.carrier.resume(stranger, call, "BPguess")
        exchange.carrier.resume(back, call, carrier_id)
        exchange.carrier.line(call, "bot", "您好", final=True)
        assert (await back.next("line"))["text"] == "您好"
        assert stranger.messages.empty()
        exchange.carrier.hang_up_by(stranger, call)
        exchange.carrier.hang_up_by(back, call)
        assert (await back.next("ended"))["reason"] == "ended"


async def test_a_listener_that_fails_does_not_stop_the_call(exchange: Exchange) -> None:
    exchange.fails = True
    page = exchange.page()
    call, _, token = await answered(exchange, page)
    with exchange.carrier.media(call, token):
        await exchange.hears(*RINGS, (S.IN_PROGRESS, ""))
    await exchange.hears((S.COMPLETED, ""))


async def test_calls_are_found_and_not_placed_twice(exchange: Exchange) -> None:
    call, carrier_id = await exchange.call()
    with pytest.raises(CarrierError, match="已经拨出"):
        await exchange.carrier.place(Order(call, NUMBER))
    (found,) = await exchange.carrier.find(NUMBER, NOW)
    assert (found.carrier_id, found.to, found.started_at) == (carrier_id, NUMBER, NOW)
    assert exchange.carrier.carrier_id(call) == carrier_id
    assert exchange.carrier.carrier_id(uuid.uuid4()) is None
    assert await exchange.carrier.find(NUMBER, NOW + timedelta(seconds=1)) == []
    assert await exchange.carrier.find("+8613900009999", NOW) == []


async def test_it_says_that_it_cannot_transfer(exchange: Exchange) -> None:
    _, carrier_id = await exchange.call()
    with pytest.raises(CarrierError, match="不能转接"):
        await exchange.carrier.transfer(carrier_id, "12366")


async def test_old_calls_are_forgotten_and_live_ones_kept(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "KEPT_CALLS", 2)
    _, ended = await exchange.call(ring_s=0)
    await exchange.hears((S.INITIATED, ""), (S.RINGING, "nobody"), (S.NO_ANSWER, "no_answer"))
    _, live = await exchange.call()
    _, newest = await exchange.call()
    assert [c.carrier_id for c in await exchange.carrier.find(NUMBER, NOW)] == [newest, live]
    assert ended not in (newest, live)
    with pytest.raises(CarrierError, match="占线"):
        await exchange.call()
