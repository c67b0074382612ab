"""For operators: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.parts import PartsDep

router = APIRouter()


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(parts: PartsDep, response: Response) -> dict[str, Any]:
    """PostgreSQL and Rasa answer too; 503 otherwise."""
    try:
        async with parts.sessions() as session:
            await session.execute(text("select 1"))
        database = True
    except (SQLAlchemyError, OSError):
        database = False
    rasa = await parts.dialogue.healthy()
    if not (database and rasa):
        response.status_code = 503
    return {"status": "ok" if database and rasa else "unavailable", "database": database, "rasa": rasa}


@router.get("/metrics")
async def metrics(parts: PartsDep) -> Response:
    """Prometheus' text format."""
    return Response(parts.metrics.text(), media_type=CONTENT_TYPE_LATEST)
