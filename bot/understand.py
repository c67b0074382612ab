"""Reads lines, prints what the trained model understands in each: ``python -m bot.understand --model FILE``.

One JSON object a line, in order and flushed: ``{"text", "intent", "primary", "confidence", "entities"}``. Several
intents are joined by ``+``, ``primary`` is the one acted on; an entity kind found more than once gives a list; what the speaker rejects (不是五万) is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import warnings
from typing import Any, BinaryIO, Dict, List, Optional, TextIO

FALLBACK = "nlu_fallback"


def summarise(text: str, parsed: Dict[str, Any]) -> Dict[str, Any]:
    """One output object from the line and Rasa's parse data."""
    intent = parsed.get("intent") or {}
    names = [reading["name"] for reading in parsed.get("intents") or [] if reading.get("name")]
    if intent.get("name") == FALLBACK or len(names) < 2:
        names = [intent["name"]] if intent.get("name") else []
    return {
        "text": text,
        "intent": "+".join(names) or None,
        "primary": intent.get("name"),
        "confidence": round(float(intent.get("confidence") or 0.0), 4),
        "entities": _by_kind(parsed.get("entities") or []),
    }


def _by_kind(entities: List[Dict[str, Any]]) -> Dict[str, Any]:
    found: Dict[str, List[Any]] = {}
    for entity in entities:
        if entity.get("negated"):
            continue
        values = found.setdefault(entity["entity"], [])
        if entity.get("value") not in values:
            values.append(entity.get("value"))
    return {kind: values[0] if len(values) == 1 else values for kind, values in found.items()}


def nothing(text: str) -> Dict[str, Any]:
    """The answer to a line without words."""
    return {"text": text, "intent": None, "primary": None, "confidence": 0.0, "entities": {}}


class Reader:
    """A loaded model that reads single lines."""

    def __init__(self, model: str) -> None:
        """Load ``model`` (a Rasa archive); raises Rasa's own errors when it is none."""
        from rasa.core.agent import Agent  # type: ignore[import-not-found]

        self._agent = Agent.load(model_path=model)
        self._loop = asyncio.new_event_loop()
        if not self._agent.is_ready():
            raise ValueError(f"no model could be loaded from {model}")

    def read(self, text: str) -> Dict[str, Any]:
        """Understand one line; a slash at its start is text here, never a command."""
        if not text.strip():
            return nothing(text)
        words = text.lstrip()
        safe = f"／{words[1:]}" if words.startswith("/") else words
        return summarise(text, self._loop.run_until_complete(self._agent.parse_message(safe)))


def relay(reader: Reader, lines: BinaryIO, out: TextIO) -> None:
    """Answer every line of ``lines`` on ``out``; a line that cannot be read gets an empty answer."""
    for raw in lines:
        text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
        try:
            answer = reader.read(text)
        except Exception:
            logging.getLogger(__name__).exception("a line could not be understood")
            answer = nothing(text)
        out.write(json.dumps(answer, ensure_ascii=False) + "\n")
        out.flush()


def _own_stdout() -> TextIO:
    """Standard output for answers alone; whatever else a library prints goes to standard error."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w", encoding="utf-8")


def _quiet() -> None:
    """Keep libraries silent below errors: Rasa's debug lines would repeat what people said."""
    import jieba
    import structlog

    # A filter would not do: libraries put their own in front of it.
    warnings.showwarning = lambda *_args, **_kwargs: None
    jieba.setLogLevel(logging.ERROR)
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line entry; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bot.understand", description="understand lines on standard input")
    parser.add_argument("--model", required=True, help="trained Rasa model (.tar.gz)")
    parser.add_argument("--today", help="the day the lines are read on, YYYY-MM-DD")
    chosen = parser.parse_args(arguments)
    if not os.path.exists(chosen.model):
        parser.error(f"no such model: {chosen.model}")
    if chosen.today:
        os.environ["SHUILING_TODAY"] = chosen.today
    _quiet()
    out = _own_stdout()
    try:
        relay(Reader(chosen.model), sys.stdin.buffer, out)
    except BrokenPipeError:
        # Whoever reads the answers has had enough; the interpreter must not try to flush them again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
