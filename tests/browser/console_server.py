"""A gateway with the console alone, in a process of its own: real PostgreSQL and pages, no Rasa, no telephone.

Its toolkit knows one application a process, so it cannot run beside another in the tests' own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from gateway.settings import ROOT
from tests.support.stack import START_S, TODAY, free_port, wait_until


class ConsoleServer:
    """Serves the database ``database_url``; ``url`` is where."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = folder / "console.log"
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("SHUILING_")},
            "DATABASE_URL": database_url,
            "SHUILING_ENV": "test",
            "SHUILING_DATA_DIR": str(folder),
            "SHUILING_PORT": str(self._port),
            "SHUILING_TODAY": TODAY.isoformat(),
            "SHUILING_TELEPHONE": "false",
            "SHUILING_CONSOLE": "true",
            "SHUILING_FIELD_KEYS": "1:first-secret-of-the-tests",
            "SHUILING_LOOKUP_KEY": "lookup-secret-of-the-tests",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__))],
                cwd=ROOT,
                env=self._environment | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._answers, START_S, "the console")
        except BaseException:
            self._stop()
            raise RuntimeError(self._log.read_text(errors="replace")[-4000:]) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("the console ended")
        try:
            return httpx.get(f"{self.url}/console/login", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _serve() -> None:
    """Run in the process of its own: the articles are found by their letters, so no model is loaded."""
    import uvicorn

    import gateway.parts
    from gateway.app import create_app
    from gateway.settings import Settings
    from kb.embed import HashingEmbedder
    from kb.search import KnowledgeBase

    gateway.parts.knowledge_base = lambda: KnowledgeBase.load(embedder=HashingEmbedder())
    settings = Settings(_env_file=None)
    uvicorn.run(create_app(settings), port=settings.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    _serve()
