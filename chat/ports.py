"""What chat needs from elsewhere, as protocols with typed values: the dialogue, the guard, the call for a human."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class DialogueUnavailable(Exception):
    """The dialogue service did not answer; the same message may be sent again."""


class ActionFailed(DialogueUnavailable):
    """The dialogue could not do what the message asks for, and would fail again; of this turn nothing was kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One message from the dialogue. ``facts`` back its amounts and never leave the house.

    ``cue`` says what a call has to know beyond the words: ``action`` and ``intent`` that gave the answer, ``asks``, the
    slot a form is waiting for.
    """

    text: str
    buttons: tuple[Mapping[str, str], ...] = ()
    custom: Mapping[str, Any] | None = None
    facts: tuple[Mapping[str, Any], ...] = ()
    cue: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What goes to the dialogue: the words, the channel they came by (``web``, ``rest``, ``phone`` …), and whether they are
    a command of our own (``/call_opening``), which nobody outside can send."""

    text: str
    channel: str = "web"
    command: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer that may be sent, and why it was replaced if it was."""

    answer: Answer
    replaced_because: str | None = None


class Dialogue(Protocol):
    """Sends one message and gets the answers; sending a message id again gives the same answers."""

    async def send(self, conversation_id: uuid.UUID, message_id: str, said: Said) -> Sequence[Answer]:
        """Raise :class:`DialogueUnavailable` when nobody answers, :class:`ActionFailed` when repeating is no use."""


class Guard(Protocol):
    """Checks what is about to be said."""

    async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
        """The answer, or its replacement."""


class CallHuman(Protocol):
    """Puts a conversation into the humans' queue when the dialogue is down."""

    async def __call__(self, conversation_id: uuid.UUID, trigger: str) -> str:
        """Words for the taxpayer: ticket number and honest state of the queue."""
