"""A call taken in the console's browser: ``/console/ws/call/{ticket}``.

Opened with the subprotocols ``shuiling-agent`` and a token of ``AgentCalls.agent_call_token``, which so stands in no
address and no log, and is good once. What goes over it: ``gateway.calls.agent_leg``.
"""

from __future__ import annotations

import contextlib
import uuid

import structlog
from fastapi import APIRouter, WebSocket
from fastapi.websockets import WebSocketDisconnect

from gateway.calls.agents import PATH
from gateway.calls.build import Telephone
from gateway.operators import same_origin

router = APIRouter()
log = structlog.get_logger("gateway.calls")
PROTOCOL = "shuiling-agent"


@router.websocket(PATH)
async def agent_call(socket: WebSocket, ticket_id: uuid.UUID) -> None:
    """Let the owner of the ticket take its call."""
    telephone: Telephone = socket.app.state.telephone
    name, token = [*socket.scope.get("subprotocols", []), "", ""][:2]
    good = name == PROTOCOL and same_origin(socket, telephone.phone.public_origin)
    ticket = await telephone.agents.admit(ticket_id, token) if good else None
    if ticket is None:
        log.warning("agent_call_refused", ticket=str(ticket_id))
        await socket.close(4403)
        return
    await socket.accept(subprotocol=PROTOCOL)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await telephone.agents.serve(socket, ticket)
        await socket.close()
