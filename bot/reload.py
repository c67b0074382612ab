"""Changing the model under a running Rasa: the new one is loaded beside the old one and takes over when it is ready.

The file that ``SHUILING_MODEL_POINTER`` names says which archive is wanted (JSON, key ``archive``); it is looked at every
:data:`EVERY_S`. What came of it stands beside it in ``loaded.json``: ``{"model", "wanted", "error"}``, where ``model``
serves now. A message being answered is finished by the model that began it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any, Optional

from rasa.core.agent import Agent
from rasa.core.tracker_store import FailSafeTrackerStore
from sanic import Sanic

logger = logging.getLogger(__name__)

POINTER_VARIABLE = "SHUILING_MODEL_POINTER"
EVERY_S = 1.0


def watch(app: Sanic) -> None:
    """Look at the pointer as long as the server runs; without one there is nothing to watch."""
    pointer = os.environ.get(POINTER_VARIABLE)
    if pointer:
        app.add_task(_watching(app, Path(pointer)))


async def _watching(app: Sanic, pointer: Path) -> None:
    refused: Optional[Path] = None
    while True:
        await asyncio.sleep(EVERY_S)
        agent = app.ctx.agent
        wanted = _wanted(pointer)
        if agent is None or not agent.is_ready() or wanted is None:
            continue
        serving = Path(agent.processor.model_path).name
        if wanted.name == serving:
            refused = None
            if _told(pointer) != {"model": serving, "wanted": serving, "error": None}:
                _tell(pointer, serving, serving)
        elif wanted != refused:
            refused = await _change(app, agent, wanted, pointer)


async def _change(app: Sanic, old: Agent, archive: Path, pointer: Path) -> Optional[Path]:
    """Load ``archive`` and let it serve; the archive itself if it cannot be loaded, the old one going on."""
    serving = Path(old.processor.model_path).name  # type: ignore[union-attr]
    try:
        new = await asyncio.get_running_loop().run_in_executor(None, _loaded, old, archive)
    except Exception as error:
        logger.exception("model %s cannot be loaded", archive.name)
        _tell(pointer, serving, archive.name, f"{type(error).__name__}: {error}")
        return archive
    app.ctx.agent = new
    logger.info("model %s took over from %s", archive.name, serving)
    _tell(pointer, archive.name, archive.name)
    return None


def _loaded(old: Agent, archive: Path) -> Agent:
    """An agent with the model of ``archive`` on the stores and the action endpoint of ``old``."""
    if not archive.is_file():
        raise FileNotFoundError(archive)
    store = old.tracker_store
    # Agent wraps whatever store it gets; without taking the old wrapping off every change would add one.
    bare = getattr(store, "_tracker_store", store) if isinstance(store, FailSafeTrackerStore) else store
    return Agent.load(
        model_path=archive,
        domain=old.domain,
        tracker_store=bare,
        lock_store=old.lock_store,
        action_endpoint=old.action_endpoint,
    )


def _wanted(pointer: Path) -> Optional[Path]:
    try:
        return Path(json.loads(pointer.read_text(encoding="utf-8"))["archive"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _told(pointer: Path) -> dict[str, Any]:
    try:
        told = json.loads((pointer.parent / "loaded.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _tell(pointer: Path, model: str, wanted: str, error: Optional[str] = None) -> None:
    path = pointer.parent / "loaded.json"
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"model": model, "wanted": wanted, "error": error}), encoding="utf-8")
    fresh.replace(path)
