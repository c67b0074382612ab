"""One taxpayer's whole thread, printed and signed, for whoever audits."""

from __future__ import annotations

import uuid

from nicegui import ui
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.permissions import Action
from handoff.thread_pdf import export_thread
from store.handoff_models import HandoffTicket
from store.models import Case, Conversation, DeferralApplication, Taxpayer


class ThreadExport:
    """The panel: a number of a ticket, a case or an application, or the identity number itself."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        with ui.element("section").classes("sl-panel"):
            ui.label("导出一位纳税人的全部往来（签名 PDF）").classes("text-lg font-bold")
            ui.label(
                "对话、通话、单子、备注、申请和承诺，按时间排列，证件号码只显示掩码。导出会留下记录。"
            ).classes("sl-keys")
            with ui.row().classes("items-end gap-3"):
                self._number = (
                    ui.input("单号（RG、YQ、YY…）或识别号")
                    .props("outlined dense maxlength=40 data-mark=whose")
                    .classes("w-80")
                )
                ui.button("导出", on_click=self._export).props("unelevated no-caps data-mark=export-thread")

    @told
    async def _export(self) -> None:
        wanted = (self._number.value or "").strip().upper()
        async with self._who.acting(Action.EXPORT_THREAD) as (session, staff):
            taxpayer_id = await _taxpayer(session, wanted)
            if taxpayer_id is None:
                raise LookupError("没有找到：请核对单号或识别号；没有核实过身份的会话不属于任何纳税人。")
            signed = await export_thread(session, staff, taxpayer_id, parts().keys)
        ui.download(signed.pdf, signed.filename)
        ui.notify(f"已签名，SHA-256 {signed.sha256[:16]}…", type="positive", position="top")


async def _taxpayer(session: AsyncSession, wanted: str) -> uuid.UUID | None:
    """Whose number it is."""
    for number, conversation in (
        (HandoffTicket.number, HandoffTicket.conversation_id),
        (Case.number, Case.conversation_id),
        (DeferralApplication.number, DeferralApplication.conversation_id),
    ):
        found: uuid.UUID | None = await session.scalar(
            select(Conversation.taxpayer_id).where(
                Conversation.id.in_(select(conversation).where(number == wanted))
            )
        )
        if found is not None:
            return found
    owner: uuid.UUID | None = await session.scalar(
        select(Taxpayer.id).where(
            Taxpayer.identifier_hash == parts().cipher.lookup_hash("identifier", wanted)
        )
    )
    return owner
