"""Who has the floor: what is being said, what has been heard of it, and who may interrupt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from telephony.call.commands import Command, Hush, Say

Then = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Saying:
    say: int
    text: str
    firm: bool


class Floor:
    """The bot's side of the turn-taking: sentences queue up, the first unplayed one is being heard."""

    def __init__(self, out: Callable[[Command], None]) -> None:
        self._out = out
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
        if not self._saying and self._then is not None:
            then, self._then = self._then, None
            then()

    def hush(self) -> None:
        """Stop at once."""
        if not self._saying:
            return
        self._saying.clear()
        self._then = None
        self._out(Hush())
