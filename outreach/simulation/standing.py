"""How things stand with everybody: what the store keeps of taxpayers, in columns by their index."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from outreach.limits import WEEK
from outreach.terms import History

NEVER = -1
Flags = npt.NDArray[np.bool_]
_NOTHING = History()


@dataclass(slots=True)
class _Contacts:
    """Somebody's in the last seven days, oldest first."""

    tries: list[datetime]
    connected: list[datetime]
    messages: list[datetime]


class Standing:
    """Flags and instants (microseconds, :data:`NEVER` where it has not happened) of ``people`` taxpayers.

    ``known_at``: when the bureau knew of the payment. ``wrong``: bits of the numbers that somebody else answered.
    ``with_human``: until when a human has the matter in hand. ``calls``, ``sent``, ``visits``: how many there were.
    ``complaints``: when and by whom.
    """

    def __init__(self, people: int) -> None:
        def flags() -> Flags:
            return np.zeros(people, dtype=np.bool_)

        self.enrolled, self.notified, self.reached, self.verified = flags(), flags(), flags(), flags()
        self.promised, self.kept, self.deferred, self.opted_out = flags(), flags(), flags(), flags()
        self.paid_at = np.full(people, NEVER, dtype=np.int64)
        self.known_at = np.full(people, NEVER, dtype=np.int64)
        self.active, self.says_short = bytearray(people), bytearray(people)
        self.applied, self.pending = bytearray(people), bytearray(people)
        self.calls, self.sent, self.visits = (array("H", bytes(2 * people)) for _ in range(3))
        self.wrong: dict[int, int] = {}
        self.promised_on: dict[int, date] = {}
        self.with_human: dict[int, int] = {}
        self.complaints: list[tuple[int, int]] = []
        self._contacts: dict[int, _Contacts] = {}

    def history(self, who: int, at: datetime) -> History:
        """Their contacts in the seven days before ``at``."""
        kept = self._contacts.get(who)
        if kept is None:
            return _NOTHING
        since = at - WEEK
        for instants in (kept.tries, kept.connected, kept.messages):
            while instants and instants[0] <= since:
                del instants[0]
        return History(tuple(kept.tries), tuple(kept.connected), tuple(kept.messages))

    def lately(self, who: int, at: datetime) -> int:
        """Contacts in seven days besides the one at ``at``: messages, and calls that a person answered."""
        history = self.history(who, at)
        return max(len(history.connected) + len(history.messages) - 1, 0)

    def called(self, who: int, at: datetime, answered: datetime | None) -> None:
        """A call was dialled; ``answered``: when a person picked up."""
        kept = self._of(who)
        kept.tries.append(at)
        if answered is not None:
            kept.connected.append(answered)

    def texted(self, who: int, at: datetime) -> None:
        """A text or WeChat message was sent."""
        self._of(who).messages.append(at)

    def not_texted(self, who: int, at: datetime) -> None:
        """The one of ``at`` did not arrive: it was no contact."""
        messages = self._of(who).messages
        if at in messages:
            messages.remove(at)

    def _of(self, who: int) -> _Contacts:
        kept = self._contacts.get(who)
        if kept is None:
            kept = self._contacts[who] = _Contacts([], [], [])
        return kept
