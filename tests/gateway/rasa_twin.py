"""A stand-in for Rasa on a port of the loopback: answers ``bot.channel``'s route, and can be dead or slow."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class RasaTwin:
    """Says back what it hears, once per message id.

    Attributes:
        heard: texts in the order they came, repeats of a message id left out.
        down: answer 503 to everything.
        answers: messages to give instead of the echo, by text.
        hold: when not set, answers wait for it.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.down = False
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.hold = threading.Event()
        self.hold.set()
        self._known: dict[str, list[dict[str, Any]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _reply(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        text, message_id = said["message"], said["message_id"]
        if message_id not in self._known:
            self.heard.append(text)
            self._known[message_id] = self.answers.get(text, [{"text": f"答：{text}"}])
        return self._known[message_id]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        twin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_: Any) -> None:
                pass

            def _send(self, status: int, content: Any) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._send(503 if twin.down else 200, {"status": "ok"})

            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                twin.hold.wait(30)
                if twin.down:
                    self._send(503, {})
                else:
                    self._send(200, {"messages": twin._reply(said)})

        return Handler
