"""Files that taxpayers sent, for whoever may see their conversation; each look is on record."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse

from handoff.console.parts import parts
from handoff.console.visitor import COOKIE
from handoff.permissions import Action, may
from handoff.sessions import session_of
from store import audit
from store.models import DeferralMaterial

router = APIRouter()


@router.get("/console/files/{file_id}")
async def material(file_id: uuid.UUID, request: Request) -> FileResponse:
    """One uploaded file, to be saved, never opened in our origin."""
    held = parts()
    async with held.sessions() as session, session.begin():
        staff = await session_of(session, request.cookies.get(COOKIE, ""))
        if staff is None:
            raise HTTPException(401, "请先登录。")
        if not may(staff.roles, Action.SEE_CONVERSATION):
            raise HTTPException(403, "您的角色没有这项权限。")
        found = await session.get(DeferralMaterial, file_id)
        if found is None:
            raise HTTPException(404, "没有这个文件。")
        await audit.record(
            session,
            actor=f"staff:{staff.login}",
            action="material.seen",
            subject=f"material:{file_id}",
            detail={},
        )
    path = held.file_of(found.sha256)
    if not path.is_file():
        raise HTTPException(404, "文件已不在磁盘上，请让对方重传。")
    return FileResponse(
        path,
        media_type=found.content_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.filename)}",
            "Cache-Control": "private, no-store",
        },
    )
