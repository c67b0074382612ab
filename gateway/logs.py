"""Structured logs: one JSON object a line, identifiers and durations only, never what people said."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import structlog

_FRAMES = 6


def configure(level: str) -> None:
    """Send structlog's records to stderr as JSON lines at ``level``, the standard library's from warnings on."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _without_words,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING))


def _without_words(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace an exception by its kind and place; its message may repeat what somebody said."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is not None:
        event["exception"] = list(describe(error))
    return event


def describe(error: BaseException | None) -> Iterator[dict[str, Any]]:
    """An exception and its causes: type, SQLSTATE and constraint if the database raised it, last frames."""
    while error is not None:
        kind = type(error)
        told: dict[str, Any] = {"type": f"{kind.__module__}.{kind.__qualname__}"}
        diagnosis = getattr(error, "diag", None)
        if diagnosis is not None:
            told |= {"sqlstate": diagnosis.sqlstate, "constraint": diagnosis.constraint_name}
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        told["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
        yield told
        error = error.__cause__ or error.__context__
