"""A turn breaks off at the first action that fails.

Rasa's own way is to note the action as done, its events lost, and to go on with whatever the rules say comes next:
from a form that could not begin to the action that submits it. It would keep a turn of which half has happened.
Broken off, the turn leaves the tracker as it was, and the message can be sent again.
"""

from __future__ import annotations

import asyncio
from typing import Any, Callable, List

import aiohttp
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.shared.core.events import Event
from rasa.utils.endpoints import ClientResponseError

_NOT_NOW = 503


class TurnBroken(BaseException):
    """An action has failed; ``passing``: nobody answered the call, or not now, so that it may succeed when repeated.

    No ``Exception``, because Rasa goes on after those; like a cancellation it runs through everything.
    """

    def __init__(self, action: str, passing: bool, why: str) -> None:
        super().__init__(f"{action}: {why}")
        self.passing = passing


def break_off() -> None:
    """Let turns break off from now on."""
    RemoteAction.run = _breaking(RemoteAction.run)  # type: ignore[method-assign]


def _breaking(run: Callable[..., Any]) -> Callable[..., Any]:
    async def run_or_break(self: RemoteAction, *args: Any, **kwargs: Any) -> List[Event]:
        try:
            return await run(self, *args, **kwargs)
        except ActionExecutionRejection:
            # A form that leaves the turn to others: part of Rasa's protocol.
            raise
        except Exception as error:
            cause = error.__context__ or error
            raise TurnBroken(self.name(), _passes(cause), type(cause).__name__) from error

    return run_or_break


def _passes(cause: BaseException) -> bool:
    if isinstance(cause, ClientResponseError):
        return cause.status == _NOT_NOW
    return isinstance(cause, (aiohttp.ClientError, asyncio.TimeoutError))
