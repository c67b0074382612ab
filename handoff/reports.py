"""The supervisor's figures over time: each is one documented view, read for a period (``docs/reports.md``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import column, func, select
from sqlalchemy import table as sql_table
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.exports import Table
from handoff.permissions import Action, require
from handoff.reasons import reason_zh
from handoff.report_rows import (
    Counts,
    DayCount,
    DayScore,
    DayShare,
    Period,
    Result,
    Scores,
    Share,
    Spread,
    Times,
)
from handoff.sla import CLOCK_ZH, Clock

DOUBT_ZH: Mapping[str, str] = {"unclear": "没有听准", "unanswered": "没有答上"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the reports.

    ``definition`` is what is shown on hover, the same words as the comment on ``view``. ``unit``: ``%``, ``件``,
    ``次``, ``条``, ``分``, ``秒``. ``headings`` name the columns of its table.
    """

    title: str
    unit: str
    definition: str
    view: str
    headings: tuple[str, ...]
    read: Callable[[AsyncSession, Period], Awaitable[Result]]


async def figure(session: AsyncSession, roles: Collection[str], key: str, period: Period) -> Result:
    """The figure ``key`` of :data:`FIGURES` for somebody who asks.

    Raises:
        NotAllowed: none of ``roles`` may see reports.
        KeyError: there is no such figure.
    """
    require(roles, Action.SEE_REPORTS)
    return await FIGURES[key].read(session, period)


def table(key: str, result: Result, period: Period) -> Table:
    """A figure as it is shown and exported."""
    shown = FIGURES[key]
    return Table(f"{shown.title} {period.first}至{period.last}", shown.headings, result.rows())


async def connect_rate(session: AsyncSession, period: Period) -> Share:
    """Calls answered by a person, of those dialled."""
    return await _share(session, period, "report_calls", "by_person", "dialled")


async def self_service(session: AsyncSession, period: Period) -> Share:
    """Conversations that needed no human, of all."""
    return await _share(session, period, "report_self_service", "without_human", "conversations")


async def handoff_reasons(session: AsyncSession, period: Period) -> Counts:
    """Tickets by reason."""
    rows = await _rows(session, period, "report_handoff_reasons", "reason", "tickets")
    return Counts(tuple(DayCount(day, reason, reason_zh(reason), count) for day, reason, count in rows))


async def first_response(session: AsyncSession, period: Period) -> Times:
    """From the queue to a human's first words."""
    return await _times(session, period, "report_first_response")


async def handling(session: AsyncSession, period: Period) -> Times:
    """From the first claim to the end."""
    return await _times(session, period, "report_handling")


async def satisfaction(session: AsyncSession, period: Period) -> Scores:
    """Ratings of talks with humans."""
    rows = await _rows(session, period, "report_satisfaction", "ratings", "points", "content", "discontent")
    return Scores(tuple(DayScore(*row) for row in rows))


async def complaints(session: AsyncSession, period: Period) -> Counts:
    """Complaints registered."""
    rows = await _rows(session, period, "report_complaints", "complaints")
    return Counts(tuple(DayCount(day, "complaint", "", count) for day, count in rows))


async def promises_kept(session: AsyncSession, period: Period) -> Share:
    """Promises kept, of those whose day is over."""
    return await _share(session, period, "report_promises", "kept", "due")


async def soft_reminders(session: AsyncSession, period: Period) -> Share:
    """Calls answered by a person that ended with the reminder."""
    return await _share(session, period, "report_soft_reminders", "soft", "contacts")


async def sla_breaches(session: AsyncSession, period: Period) -> Counts:
    """Breaches by clock."""
    rows = await _rows(session, period, "report_sla_breaches", "clock", "breaches")
    return Counts(tuple(DayCount(day, clock, CLOCK_ZH[Clock(clock)], count) for day, clock, count in rows))


async def claims(session: AsyncSession, period: Period) -> Counts:
    """Claims by agent; ``what`` is the login."""
    rows = await _rows(session, period, "report_claims", "login", "name", "claims")
    return Counts(
        tuple(DayCount(day, login, f"{name}（{login}）", count) for day, login, name, count in rows)
    )


async def unanswered(session: AsyncSession, period: Period) -> Counts:
    """Messages that were not understood or had no article."""
    rows = await _rows(session, period, "report_unanswered", "kind", "messages")
    return Counts(tuple(DayCount(day, kind, DOUBT_ZH[kind], count) for day, kind, count in rows))


FIGURES: Mapping[str, Figure] = {
    "connect_rate": Figure(
        "接通率",
        "%",
        "接通数÷拨出数。拨出：已交给运营商的电话，按开始拨打的日子算。接通：有人接听；语音信箱、传真和接起后没有人说话的不算。",
        "report_calls",
        ("日期", "接通", "拨出", "接通率（%）"),
        connect_rate,
    ),
    "self_service": Figure(
        "自助解决占比",
        "%",
        "没有转过人工的会话÷全部会话。会话：纳税人至少发过一条消息，按第一条消息的日子算。转过人工：开过人工服务单，后来离开排队的也算。",
        "report_self_service",
        ("日期", "没有转人工", "会话", "自助解决占比（%）"),
        self_service,
    ),
    "handoff_reasons": Figure(
        "转人工原因",
        "件",
        "新开的人工服务单按转人工的原因计数，按开单的日子算。中途原因变得更紧急的，算最后的原因。",
        "report_handoff_reasons",
        ("日期", "原因", "件数"),
        handoff_reasons,
    ),
    "first_response": Figure(
        "首次应答时长",
        "秒",
        "从进入排队到坐席第一次回话的时长，按第一次回话的日子算，非工作时间也计在内。还没有回话的不算。",
        "report_first_response",
        ("日期", "件数", "中位数（秒）", "九成不超过（秒）", "平均（秒）"),
        first_response,
    ),
    "handling": Figure(
        "处理时长",
        "秒",
        "从坐席第一次接入到结束或交回税铃的时长，按结束的日子算，中途转接和重新排队的时间也计在内。没有坐席接过的不算。",
        "report_handling",
        ("日期", "件数", "中位数（秒）", "九成不超过（秒）", "平均（秒）"),
        handling,
    ),
    "satisfaction": Figure(
        "满意度",
        "分",
        "人工服务评分（1到5分）的平均分，按评分的日子算。满意：4分和5分；不满意：1分和2分。改过的评分算最后一次。",
        "report_satisfaction",
        ("日期", "评分数", "平均分", "满意", "不满意"),
        satisfaction,
    ),
    "complaints": Figure(
        "投诉",
        "件",
        "新登记的投诉件数，按登记的日子算。",
        "report_complaints",
        ("日期", "件数"),
        complaints,
    ),
    "promises_kept": Figure(
        "按约缴清占比",
        "%",
        "按时缴清的约定÷已到期的约定，按约定的缴款日算，当天过完才计入。按时缴清：按缴款记录，约定时还没有缴清的税款（约定了某一笔的只看那一笔），"
        "到约定日当天全部缴清；已撤销的和获准延期到约定日之后的不算在内。改约过的只算最后一次，约定时没有欠税的不算。",
        "report_promises",
        ("日期", "按时缴清", "到期的约定", "按约缴清占比（%）"),
        promises_kept,
    ),
    "soft_reminders": Figure(
        "柔性提醒占比",
        "%",
        "只靠提醒就结束的接通电话÷全部接通电话，按接通的日子算。只靠提醒：这次电话所在的会话没有转过人工，也没有投诉或异议。"
        "税铃不记录处罚、强制等措施，所以这里不反映它们。",
        "report_soft_reminders",
        ("日期", "只靠提醒", "接通电话", "柔性提醒占比（%）"),
        soft_reminders,
    ),
    "sla_breaches": Figure(
        "超时",
        "次",
        "超过服务时限的次数，按首次应答、后续应答、办结三种时限分别计，按超时的日子算。",
        "report_sla_breaches",
        ("日期", "时限", "次数"),
        sla_breaches,
    ),
    "claims": Figure(
        "接入次数",
        "次",
        "每位坐席接入的次数，按接入的日子算。主管指派的算在被指派的坐席名下；同一张单子再次接入再算一次。",
        "report_claims",
        ("日期", "坐席", "次数"),
        claims,
    ),
    "unanswered": Figure(
        "没听准、没答上",
        "条",
        "没有听准和没有答上的消息条数，按消息的日子算。没有听准：把握不足或不知道是什么意思；没有答上：知识库里没有可靠的条目。",
        "report_unanswered",
        ("日期", "类别", "条数"),
        unanswered,
    ),
}


async def _rows(session: AsyncSession, period: Period, view: str, *columns: str) -> list[tuple[Any, ...]]:
    shown = sql_table(view, *(column(name) for name in ("day", *columns)))
    rows = await session.execute(
        select(*shown.c)
        .where(shown.c.day.between(period.first, period.last))
        .order_by(shown.c.day, shown.c[columns[0]])
    )
    return [tuple(row) for row in rows]


async def _share(session: AsyncSession, period: Period, view: str, part: str, whole: str) -> Share:
    return Share(tuple(DayShare(*row) for row in await _rows(session, period, view, part, whole)))


async def _times(session: AsyncSession, period: Period, view: str) -> Times:
    shown = sql_table(view, column("day"), column("seconds"))
    measured = (
        func.count(),
        func.percentile_cont(0.5).within_group(shown.c.seconds),
        func.percentile_cont(0.9).within_group(shown.c.seconds),
        func.avg(shown.c.seconds),
    )
    within = shown.c.day.between(period.first, period.last)
    days = await session.execute(
        select(shown.c.day, *measured).where(within).group_by(shown.c.day).order_by(shown.c.day)
    )
    count, *rest = (await session.execute(select(*measured).select_from(shown).where(within))).one()
    return Times(
        tuple((day, Spread(*spread)) for day, *spread in days), Spread(count, *rest) if count else None
    )
