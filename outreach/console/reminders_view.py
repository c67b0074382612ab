"""The reminders of one campaign, the riskiest first, fifty a page."""

from __future__ import annotations

import uuid

from nicegui import ui

from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.exports import Table
from handoff.permissions import Action
from outreach.audience import mask_name
from outreach.console.report import download_csv, download_xlsx
from outreach.console.tables import plain_table
from outreach.console.words import STAGE_ZH, STANDING_ZH, TIER_ZH, short_day
from outreach.plan import Tier
from outreach.reading import MOST_EXPORTED, Line, Listed, Stage, Standing, Wanted, all_reminders, reminders
from store import audit

_ANY = ""
_HEADINGS = ("纳税人", "识别号", "地区", "到期", "风险", "分数", "进展", "状态")


class RemindersView:
    """The tab."""

    def __init__(self, who: Visitor, campaign_id: uuid.UUID, name: str) -> None:
        self._who = who
        self._campaign_id = campaign_id
        self._name = name
        self._before: list[tuple[int, uuid.UUID] | None] = [None]
        """Where the pages up to the present one begin."""
        self._next: tuple[int, uuid.UUID] | None = None
        with ui.element("section").classes("sl-panel"):
            with ui.row().classes("items-end gap-3 w-full"):
                self._tier = _choice("风险", {tier.value: words for tier, words in TIER_ZH.items()}, "tier")
                self._standing = _choice(
                    "状态", {each.value: words for each, words in STANDING_ZH.items()}, "standing"
                )
                self._stage = _choice(
                    "进展", {each.value: words for each, words in STAGE_ZH.items()}, "stage"
                )
                for choice in (self._tier, self._standing, self._stage):
                    choice.on_value_change(self.first)
                self._total = ui.label().props("data-mark=reminders-total")
                with ui.row().classes("ml-auto"):
                    ui.button("导出 CSV", on_click=lambda: self._export(False)).props(
                        "flat no-caps data-mark=list-csv"
                    )
                    ui.button("导出 XLSX", on_click=lambda: self._export(True)).props(
                        "flat no-caps data-mark=list-xlsx"
                    )
            self._rows = ui.element("div").classes("mt-2").props("data-mark=reminders")
            with ui.row().classes("items-center gap-2 mt-2"):
                self._back = ui.button("上一页", on_click=self._to_previous).props("flat no-caps")
                self._forth = ui.button("下一页", on_click=self._to_next).props(
                    "flat no-caps data-mark=next-page"
                )
                self._page = ui.label().classes("sl-keys")

    @told
    async def first(self) -> None:
        """Show the first page of what is wanted now."""
        self._before = [None]
        await self._show()

    @told
    async def _to_next(self) -> None:
        if self._next is not None:
            self._before.append(self._next)
            await self._show()

    @told
    async def _to_previous(self) -> None:
        if len(self._before) > 1:
            self._before.pop()
            await self._show()

    async def _show(self) -> None:
        async with self._who.acting(Action.SEE_OUTREACH) as (session, _):
            found = await reminders(session, self._campaign_id, self._wanted(), self._before[-1])
        self._next = found.after
        self._total.set_text(f"{found.total:,}条")
        self._page.set_text(f"第{len(self._before)}页")
        self._back.set_enabled(len(self._before) > 1)
        self._forth.set_enabled(found.after is not None)
        self._draw(found)

    def _draw(self, found: Listed) -> None:
        self._rows.clear()
        with self._rows:
            if not found.lines:
                ui.label("没有这样的提醒。").classes("sl-empty")
                return
            plain_table(
                _HEADINGS,
                [_cells(line, self._who) for line in found.lines],
                "reminder-table",
                links=[f"/outreach/reminder/{line.id}" for line in found.lines],
            )

    def _wanted(self) -> Wanted:
        return Wanted(
            Tier(self._tier.value) if self._tier.value else None,
            Standing(self._standing.value) if self._standing.value else None,
            Stage(self._stage.value) if self._stage.value else None,
        )

    @told
    async def _export(self, xlsx: bool) -> None:
        wanted = self._wanted()
        async with self._who.acting(Action.SEE_OUTREACH) as (session, staff):
            found = await all_reminders(session, self._campaign_id, wanted)
            await audit.record(
                session,
                actor=f"staff:{staff.login}",
                action="outreach.exported",
                subject=f"campaign:{self._campaign_id}",
                detail={"rows": len(found)},
            )
        table = Table("名单", _HEADINGS, [_cells(line, self._who) for line in found])
        if len(found) == MOST_EXPORTED:
            ui.notify(f"最多导出风险最高的{MOST_EXPORTED:,}条。", type="warning", position="top")
        name = f"{self._name}名单{parts().today()}"
        await (download_xlsx if xlsx else download_csv)((table,), name)


def shown_name(line: Line, who: Visitor) -> str:
    """The name for whoever may see cases, which hold it too; masked for others."""
    return line.name if who.may(Action.SEE_CASES) else mask_name(line.name)


def _cells(line: Line, who: Visitor) -> tuple[str, ...]:
    return (
        shown_name(line, who),
        line.identifier_mask,
        line.region,
        short_day(line.due),
        TIER_ZH[line.tier],
        str(line.score),
        STAGE_ZH[line.stage],
        STANDING_ZH[line.standing],
    )


def _choice(label: str, words: dict[str, str], mark: str) -> ui.select:
    return (
        ui.select({_ANY: "全部", **words}, value=_ANY, label=label)
        .props(f'outlined dense data-mark="filter-{mark}"')
        .classes("w-36")
    )
