"""A carrier whose phones are open browser pages: for trying Shuiling out without a telephone line.

A call rings on every page it is meant for; the first to answer has it. The page then opens a media socket with a token
that is good once, and speaks Twilio's Media Streams over it, so everything above the carrier is the same as on a real
line. Statuses are delivered in order, one after the other, from one task a call.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import structlog

from telephony.carriers.base import CarrierCall, CarrierError, CarrierStatus, Order
from telephony.carriers.browser_call import GOODBYE_S, BrowserCall, Page, within

CONNECT_S = 10.0
"""How long an answering page may take to open its media socket."""
KEPT_CALLS = 500
"""Calls remembered for :meth:`BrowserCarrier.find`."""
Deliver = Callable[[uuid.UUID, str, CarrierStatus, str], Awaitable[None]]
log = structlog.get_logger("telephony.browser")


class BrowserCarrier:
    """Places calls to browser pages. One event loop; state is lost with the process, as calls are.

    Args:
        deliver: is told ``(call, carrier's id, status, detail)``, the detail in a word (``rejected``, ``nobody``, ``page_gone``, ``limit``, …).
        now: the time of day, with a time zone.
        caller: the name and number the pages show.
        any_page: whether pages that named no number ring for every call (the demonstration).
    """

    name = "browser"

    def __init__(
        self,
        deliver: Deliver,
        now: Callable[[], datetime],
        *,
        any_page: bool,
        caller: tuple[str, str] = ("税务局提醒电话", "12366"),
    ) -> None:
        self._deliver = deliver
        self._now = now
        self._caller = dict(zip(("name", "number"), caller, strict=True))
        self._any_page = any_page
        self._pages: list[Page] = []
        self._calls: dict[uuid.UUID, BrowserCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the seam -----------------------------------------------------------------------------------------------------

    async def place(self, order: Order) -> str:
        """Ring the pages for ``order.to``, also those opened while it rings; see :class:`Carrier`."""
        if order.call_id in self._calls:
            raise CarrierError("这通电话已经拨出，不能再拨一次。")
        call = BrowserCall(order.call_id, f"BP{secrets.token_hex(16)}", order, self._now())
        while len(self._calls) >= KEPT_CALLS:
            ended = next((c.id for c in self._calls.values() if c.status.terminal), None)
            if ended is None:
                raise CarrierError("浏览器电话占线：同时进行的通话太多，请稍后再拨。")
            del self._calls[ended]
        self._calls[call.id] = call
        task = asyncio.create_task(self._run(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call.carrier_id

    async def hang_up(self, carrier_id: str) -> None:
        """End the call; nothing happens if it has ended already."""
        call = next((c for c in self._calls.values() if c.carrier_id == carrier_id), None)
        if call is not None:
            self._end(call)

    async def transfer(self, carrier_id: str, to: str) -> None:
        """Always refused: a page cannot be connected with a telephone."""
        raise CarrierError("浏览器电话不能转接，请改为预约回电。")

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        """Calls to a number since then, newest first."""
        return [
            CarrierCall(c.carrier_id, c.order.to, c.status, c.started)
            for c in reversed(self._calls.values())
            if c.order.to == to and c.started >= since
        ]

    def carrier_id(self, call_id: uuid.UUID) -> str | None:
        """The carrier's id of a call; ``None`` when it is not known here (any more)."""
        call = self._calls.get(call_id)
        return call.carrier_id if call is not None else None

    async def close(self) -> None:
        """Hang up everything and wait until the last statuses are delivered."""
        for call in self._calls.values():
            self._end(call)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- the pages ----------------------------------------------------------------------------------------------------

    @contextmanager
    def present(self, page: Page) -> Iterator[None]:
        """While a page is open. When it goes, its ringing stops, and a call it has ends with its media socket."""
        self._pages.append(page)
        for call in self._calls.values():
            if call.status is CarrierStatus.RINGING and not call.decided.is_set() and self._meant(page, call):
                self._ring(page, call)
        try:
            yield
        finally:
            self._pages.remove(page)
            for call in self._calls.values():
                call.ringing.discard(page)
                if call.page is page and not call.connected.is_set():
                    self._end(call)

    def answer(self, page: Page, call_id: uuid.UUID) -> bool:
        """A page takes a call: it is told its token, the others stop ringing. ``False`` when that is too late."""
        call = self._calls.get(call_id)
        if call is None or page not in call.ringing or call.decided.is_set():
            return False
        call.page, call.token = page, secrets.token_urlsafe(24)
        call.decided.set()
        page.send({"type": "connect", "call": str(call.id), "carrier": call.carrier_id, "token": call.token})
        self._stop_ringing(call, "elsewhere", but=page)
        return True

    def reject(self, page: Page, call_id: uuid.UUID) -> None:
        """A page rejects a call; it is over for all of them."""
        call = self._calls.get(call_id)
        if call is not None and page in call.ringing and not call.decided.is_set():
            call.refused = "rejected"
            call.decided.set()

    def resume(self, page: Page, call_id: uuid.UUID, carrier_id: str) -> None:
        """A page whose socket broke in a call is back: it knows the carrier's id, which nobody else was told."""
        call = self._calls.get(call_id)
        if call is not None and call.page is not None and secrets.compare_digest(call.carrier_id, carrier_id):
            call.page = page
            if call.status.terminal:
                self._farewell(call, "ended")

    def hang_up_by(self, page: Page, call_id: uuid.UUID) -> None:
        """The page that has the call ends it."""
        call = self._calls.get(call_id)
        if call is not None and call.page is page:
            self._end(call)

    def line(self, call_id: uuid.UUID, speaker: str, text: str, *, final: bool) -> None:
        """Show a line of the live transcript; one that is not final is replaced by the speaker's next."""
        call = self._calls.get(call_id)
        if call is not None and call.page is not None:
            call.page.send(
                {"type": "line", "call": str(call_id), "speaker": speaker, "text": text, "final": final}
            )

    @contextmanager
    def media(self, call_id: uuid.UUID, token: str) -> Iterator[asyncio.Event | None]:
        """The call's media socket, while open: yields the event of its end, or ``None`` for a token that is not good."""
        call = self._calls.get(call_id)
        good = call is not None and bool(call.token) and secrets.compare_digest(call.token, token)
        if call is None or not good or call.over.is_set():
            yield None
            return
        call.token = ""
        call.connected.set()
        try:
            yield call.over
        finally:
            call.gone.set()

    # --- one call -----------------------------------------------------------------------------------------------------

    async def _run(self, call: BrowserCall) -> None:
        try:
            await self._tell(call, CarrierStatus.INITIATED, "")
            if not await self._rings_through(call):
                return
            await self._tell(call, CarrierStatus.IN_PROGRESS, "")
            await self._talk(call)
        except Exception:
            log.exception("browser_call_failed", call=str(call.id))
            call.status = CarrierStatus.FAILED
            self._end(call)

    async def _rings_through(self, call: BrowserCall) -> bool:
        meant = [page for page in self._pages if self._meant(page, call)]
        if meant and all(self._engaged(page) for page in meant):
            await self._tell(call, CarrierStatus.BUSY, "engaged")
            return False
        call.status = CarrierStatus.RINGING
        for page in meant:
            self._ring(page, call)
        await self._tell(call, CarrierStatus.RINGING, "" if call.ringing else "nobody")
        if not await within(call.decided, call.order.ring_s):
            call.decided.set()
            call.refused = call.refused or "no_answer"
        if call.page is None:
            self._stop_ringing(call, call.refused)
            endings = {"rejected": CarrierStatus.BUSY, "canceled": CarrierStatus.CANCELED}
            await self._tell(call, endings.get(call.refused, CarrierStatus.NO_ANSWER), call.refused)
            return False
        if not await within(call.connected, CONNECT_S) or call.refused:
            self._end(call)
            self._farewell(call, "failed")
            await self._tell(call, CarrierStatus.FAILED, "no_media")
            return False
        return True

    async def _talk(self, call: BrowserCall) -> None:
        ended = [asyncio.create_task(event.wait()) for event in (call.over, call.gone)]
        try:
            _, waiting = await asyncio.wait(
                ended, timeout=call.order.limit_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in ended:
                task.cancel()
        detail = "limit" if len(waiting) == len(ended) else ""
        call.over.set()
        self._farewell(call, detail or "ended")
        await within(call.gone, GOODBYE_S)
        await self._tell(call, CarrierStatus.COMPLETED, detail)

    def _end(self, call: BrowserCall) -> None:
        if not call.decided.is_set():
            call.refused = "canceled"
            call.decided.set()
        elif call.page is not None and not call.connected.is_set():
            call.refused = "page_gone"
            call.connected.set()
        call.over.set()

    def _meant(self, page: Page, call: BrowserCall) -> bool:
        return self._any_page if page.number is None else page.number == call.order.to

    def _engaged(self, page: Page) -> bool:
        return any(
            page is call.page or page in call.ringing
            for call in self._calls.values()
            if not call.status.terminal
        )

    def _ring(self, page: Page, call: BrowserCall) -> None:
        if not self._engaged(page):
            call.ringing.add(page)
            page.send(
                {
                    "type": "ring",
                    "call": str(call.id),
                    "ring_s": call.order.ring_s,
                    "from": self._caller,
                }
            )

    def _stop_ringing(self, call: BrowserCall, reason: str, but: Page | None = None) -> None:
        for page in call.ringing:
            if page is not but:
                page.send({"type": "stop", "call": str(call.id), "reason": reason})
        call.ringing.clear()

    def _farewell(self, call: BrowserCall, reason: str) -> None:
        if call.page is not None:
            call.page.send({"type": "ended", "call": str(call.id), "reason": reason})

    async def _tell(self, call: BrowserCall, status: CarrierStatus, detail: str) -> None:
        call.status = status
        try:
            await self._deliver(call.id, call.carrier_id, status, detail)
        except Exception:
            log.exception("status_not_delivered", call=str(call.id), status=status)
