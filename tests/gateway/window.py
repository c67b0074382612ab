"""A window of the chat, speaking the widget's protocol over a real WebSocket."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect


class Window:
    """One open window of a conversation."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, frame: Any) -> None:
        """A frame: text and bytes as they are, anything else as JSON."""
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def say(self, text: Any, client_id: Any = None) -> None:
        self.send({"type": "say", "text": text, "client_id": client_id or str(uuid.uuid4())})

    def frame(self, timeout_s: float = 15) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.socket.recv(timeout=timeout_s))
        return found

    def quiet(self) -> bool:
        """Whether nothing is on its way."""
        self.send({"type": "ping"})
        return self.frame() == {"type": "pong"}

    def messages(self, count: int) -> list[dict[str, Any]]:
        """The next messages, other frames left out."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            frame = self.frame()
            if frame["type"] == "message":
                found.append(frame)
        return found

    def answers(self, timeout_s: float = 30) -> list[dict[str, Any]]:
        """The messages of the next turn that ends, from what was said to the last answer."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout_s
        while True:
            frame = self.frame(deadline - time.monotonic())
            if frame["type"] == "message":
                found.append(frame)
            elif frame == {"type": "typing", "on": False}:
                break
        # All answers of a turn are on their way by now.
        while True:
            try:
                frame = self.frame(0.5)
            except TimeoutError:
                return found
            if frame["type"] == "message":
                found.append(frame)

    def turn(self, text: str) -> str:
        """Say something and give everything the bot answers, as one text."""
        self.say(text)
        return "\n".join(m["text"] for m in self.answers() if m["sender"] == "bot")

    def texts(self, count: int) -> list[tuple[str, str]]:
        return [(m["sender"], m["text"]) for m in self.messages(count)]


@contextmanager
def tab(url: str, token: str, after: Any = 0) -> Iterator[Window]:
    with unheard(url) as window:
        window.send({"type": "hello", "token": token, "after": after})
        assert window.frame()["type"] == "ready"
        assert window.frame()["type"] == "status"
        yield window


@contextmanager
def unheard(url: str, query: str = "", **headers: str) -> Iterator[Window]:
    """A window that has not said who it is."""
    with connect(url + query, additional_headers=headers, proxy=None) as socket:
        yield Window(socket)
