"""What agents' work needs from elsewhere, as protocols with typed values."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Objection(StrEnum):
    """Why words should not go out as they are."""

    PHRASE = "phrase"
    AMOUNT = "amount"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in an agent's words to look at again; ``words`` is what the agent reads about it."""

    objection: Objection
    words: str


class AgentGuard(Protocol):
    """Reads what an agent is about to send."""

    async def review(self, conversation_id: uuid.UUID, text: str) -> Sequence[Finding]:
        """What is wrong with it; nothing when it may go."""


class Prompter(Protocol):
    """Makes the bot speak first, at a point where the talk is to go on."""

    async def __call__(self, conversation_id: uuid.UUID, command: str, shown: str) -> None:
        """Have the bot answer ``command`` as if the taxpayer had asked; ``shown`` is what people read of it."""


class CallLine(Protocol):
    """The telephone, as the agents' page needs it."""

    def live(self, conversation_id: uuid.UUID) -> bool:
        """Whether the caller of this conversation is on the line."""

    def agent_call_url(self, ticket_id: uuid.UUID, staff_id: uuid.UUID) -> str:
        """Where the owner of the ticket takes its call; good once."""
