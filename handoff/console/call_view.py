"""The caller's line in the agents' page: one call at a time, kept while other conversations are looked at."""

from __future__ import annotations

from nicegui import ui

from handoff.console.parts import parts
from handoff.console.visitor import Visitor
from handoff.inbox import Row


class CallView:
    """A strip above the thread. The element in it is the line itself: taken away, it hangs up."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._row: Row | None = None
        self._strip = ui.element("div").props("data-mark=call")

    def show(self, row: Row, mine: bool) -> None:
        """Offer the call of the open conversation, if it is live and one's own and no other call is on the line."""
        calls = parts().calls
        if calls is None:
            return
        if self._row is not None:
            if self._row.ticket_id == row.ticket_id and not mine:
                self._clear()
            elif calls.live(self._row.conversation_id):
                return
            else:
                self._clear()
        if mine and calls.live(row.conversation_id):
            self._row = row
            url = calls.agent_call_url(row.ticket_id, self._who.staff_id)
            with self._strip:
                ui.label(f"通话 {row.number} {row.name or ''}").classes("sl-keys px-3 pt-1")
                ui.element("shuiling-agent-call").props(f'url="{url}"')

    def _clear(self) -> None:
        self._row = None
        self._strip.clear()
