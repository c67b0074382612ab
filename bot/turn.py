"""One turn watched: whether every action call of it was answered.

Rasa goes on when an action call fails and would keep a turn of which half has happened. The watch lets the channel
answer "not now" and the tracker store forget the turn, so that the gateway can send the message again.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rasa.utils.endpoints import ClientResponseError, EndpointConfig

_REJECTED = 400
"""How the action server says that a form does not want this turn; part of Rasa's protocol, not a failure."""


@dataclass
class Watch:
    """What has gone wrong in the turn that runs in this context."""

    failed: bool = False


current: ContextVar[Watch | None] = ContextVar("turn_watch", default=None)


def failed() -> bool:
    """Whether an action call of the running turn has failed."""
    watch = current.get()
    return watch is not None and watch.failed


def _fail() -> None:
    watch = current.get()
    if watch is not None:
        watch.failed = True


class WatchedEndpoint(EndpointConfig):
    """The action endpoint, reporting failed calls to the running turn's watch."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """One action call; the error goes on to Rasa as before."""
        try:
            return await super().request(*args, **kwargs)
        except ClientResponseError as error:
            if error.status != _REJECTED:
                _fail()
            raise
        except Exception:
            _fail()
            raise


def watched(endpoint: EndpointConfig) -> WatchedEndpoint:
    """``endpoint`` itself if it is watched already, else a watched one in its place."""
    if isinstance(endpoint, WatchedEndpoint):
        return endpoint
    made = WatchedEndpoint.__new__(WatchedEndpoint)
    made.__dict__.update(endpoint.__dict__)
    return made
