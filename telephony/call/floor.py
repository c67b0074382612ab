"""Who has the floor: what is being said, what has been heard of it, whether it is held, and who may interrupt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from telephony.call.commands import Command, Hold, Hush, Resume, Say, SetAlarm, StopAlarm

Then = Callable[[], None]
HOLD = "hold"
"""The alarm that ends a hold."""
IN_VAIN = 2
"""So many holds in a row without an interruption, and only words stop the bot: the caller hums along, or there is a street, and every
pause makes the bot harder to follow."""


@dataclass(frozen=True, slots=True)
class _Saying:
    say: int
    text: str
    firm: bool


class Floor:
    """The bot's side of the turn-taking: sentences queue up, the first unplayed one is being heard.

    A sound of the caller's holds the bot until it is known what it was: an interruption (:meth:`interrupt`) or none
    (:meth:`resume`). Held it still counts as speaking.
    """

    def __init__(self, out: Callable[[Command], None], hold_ms: int) -> None:
        """``hold_ms``: how long a hold may last."""
        self._out = out
        self._hold_ms = hold_ms
        self._in_vain = 0
        self.held = False
        """Whether the bot is silent in the middle of what it says."""
        self._next = 0
        self._saying: list[_Saying] = []
        self._then: Then | None = None

    @property
    def speaking(self) -> bool:
        """Whether anything is being said or waits to be said."""
        return bool(self._saying)

    @property
    def firm(self) -> bool:
        """Whether what is being said must not be interrupted."""
        return bool(self._saying) and self._saying[0].firm

    def say(self, text: str, *, firm: bool = False, slow: bool = False, asks: str = "") -> None:
        """Say this after all that is being said; ``asks`` as in :class:`Say`."""
        self._next += 1
        self._saying.append(_Saying(self._next, text, firm))
        self._out(Say(self._next, text, firm, slow, asks))

    def then(self, then: Then) -> None:
        """Do this once everything has been said; at once when nothing is being said. Interrupted, it is forgotten."""
        if self._saying:
            self._then = then
        else:
            self._then = None
            then()

    def played(self, say: int) -> None:
        """``say`` was heard to its end, or could not be said: what comes before it is over as well."""
        if not any(item.say == say for item in self._saying):
            return
        while self._saying and self._saying[0].say <= say:
            self._saying.pop(0)
        if self.held and not self._saying:
            self._go_on()
        if not self._saying and self._then is not None:
            then, self._then = self._then, None
            then()

    def hold(self) -> bool:
        """Fall silent until it is known what the caller's sound is; whether the bot does."""
        if not self._saying or self.held or self._in_vain >= IN_VAIN:
            return False
        self.held = True
        self._out(Hold())
        self._out(SetAlarm(HOLD, self._hold_ms))
        return True

    def resume(self) -> None:
        """It was no interruption, or is none yet."""
        if self.held:
            self._in_vain += 1
            self._go_on()

    def interrupt(self) -> None:
        """The caller's words take the turn."""
        self._in_vain = 0
        self.hush()

    def _go_on(self) -> None:
        self.held = False
        self._out(StopAlarm(HOLD))
        self._out(Resume())

    def hush(self) -> None:
        """Stop at once."""
        if not self._saying:
            return
        self._saying.clear()
        self._then = None
        if self.held:
            self.held = False
            self._out(StopAlarm(HOLD))
        self._out(Hush())
