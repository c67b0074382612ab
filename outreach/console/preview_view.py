"""What a campaign would do, before it is started: how many, who is left out and why, a masked sample."""

from __future__ import annotations

from nicegui import ui

from handoff.console.bits import fact, heading, yuan
from outreach.audience import LEFT_OUT_ZH, Preview
from outreach.console.tables import plain_table
from outreach.console.words import TIER_ZH, short_day
from outreach.plan import Tier

_DAYS = 8


def show_preview(found: Preview) -> None:
    """Draw it where the page is being built."""
    with ui.element("div").classes("w-full"):
        _show(found)


def _show(found: Preview) -> None:
    heading("会提醒到谁")
    if not found.reminders:
        ui.label("按这个方案，今天没有要提醒的人。").classes("sl-empty").props("data-mark=preview-none")
    fact("提醒", f"{found.reminders:,}条（{found.taxpayers:,}户，{found.bills:,}张税单）")
    fact("未缴税款合计", yuan(found.unpaid))
    fact(
        "风险",
        "，".join(
            f"{TIER_ZH[tier]}{found.tiers.get(tier, 0):,}" for tier in (Tier.HIGH, Tier.MIDDLE, Tier.LOW)
        ),
    )
    if found.first_days:
        first = list(found.first_days.items())
        more = f" 等{len(first)}天" if len(first) > _DAYS else ""
        fact("第一步", "，".join(f"{short_day(day)} {count:,}" for day, count in first[:_DAYS]) + more)
    heading("不提醒的")
    if not found.left_out:
        ui.label("没有。").classes("sl-keys")
    for why, count in found.left_out.items():
        fact(LEFT_OUT_ZH[why], f"{count:,}条")
    if found.sample:
        heading(f"前{len(found.sample)}条（已遮掩）")
        plain_table(
            ("纳税人", "手机", "地区", "到期", "税单", "风险", "第一步"),
            [
                (
                    each.name_mask,
                    each.phone_mask,
                    each.region,
                    short_day(each.due),
                    str(each.bills),
                    f"{TIER_ZH[each.tier]} {each.points}分",
                    short_day(each.first) if each.first is not None else "—",
                )
                for each in found.sample
            ],
            "preview-sample",
        )
