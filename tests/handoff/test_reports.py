"""The figures against an independent count over random histories; docs, registry and views say the same."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest

from gateway.settings import ROOT
from handoff import reports
from handoff.exports import to_csv, to_xlsx
from handoff.permissions import NotAllowed, Role
from handoff.report_rows import Period, Spread, Times
from handoff.reports import FIGURES, figure, table
from store.engine import SessionFactory
from tests.handoff.history import DAYS, FIRST, History, day_of, invent, write

pytestmark = pytest.mark.unit

DOCS = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
WHOLE = Period(FIRST - timedelta(days=40), date.today() + timedelta(days=40))


def periods(rng: random.Random) -> list[Period]:
    found = [WHOLE]
    for _ in range(3):
        first = FIRST + timedelta(days=rng.randrange(DAYS))
        found.append(Period(first, first + timedelta(days=rng.randrange(6))))
    return found


def within(period: Period, day: date) -> bool:
    return period.first <= day <= period.last


def pairs(whole: Iterable[tuple[date, bool]], period: Period) -> dict[date, tuple[int, int]]:
    """Day → how many were so, and how many there were."""
    found: dict[date, tuple[int, int]] = {}
    for day, so in whole:
        if within(period, day):
            part, all_ = found.get(day, (0, 0))
            found[day] = (part + so, all_ + 1)
    return found


def by_person(call: dict[str, Any]) -> bool:
    machine = call["answered_by"] in ("machine_start", "machine_end_beep", "fax")
    nobody = call["outcome"] in ("voicemail", "fax", "silent")
    return call["answered_at"] is not None and not machine and not nobody


def kept(h: History, promise: dict[str, Any]) -> bool | None:
    """Whether it was kept; ``None`` for one that counts for nothing."""
    if promise["status"] == "replaced" or promise["promised_on"] >= date_in_shanghai():
        return None
    covered = []
    for bill in h.bills:
        named = promise["bill_id"] in (None, bill["id"])
        if bill["taxpayer_id"] != promise["taxpayer_id"] or not named or bill["status"] == "withdrawn":
            continue
        if bill["created_at"] > promise["created_at"]:
            continue
        granted = [
            d for d in h.deferrals
            if d["bill_id"] == bill["id"] and d["status"] in ("approved", "expired") and d["approved_until"]
        ]  # fmt: skip
        if any(d["approved_until"] > promise["promised_on"] for d in granted):
            continue
        tax = [p for p in h.payments if p["bill_id"] == bill["id"] and p["kind"] == "tax"]
        before = sum((p["amount"] for p in tax if p["paid_on"] < day_of(promise["created_at"])), Decimal(0))
        by_then = sum((p["amount"] for p in tax if p["paid_on"] <= promise["promised_on"]), Decimal(0))
        if before < bill["principal"]:
            covered.append(by_then >= bill["principal"])
    if not covered:
        return None
    return promise["status"] == "kept" or (promise["status"] == "open" and all(covered))


def date_in_shanghai() -> date:
    return day_of(datetime.now(UTC))


def share(result: reports.Share) -> dict[date, tuple[int, int]]:
    return {day.day: (day.part, day.whole) for day in result.days}


def counts(result: reports.Counts) -> dict[tuple[date, str], int]:
    return {(day.day, day.what): day.count for day in result.days}


def close(found: Spread, lengths: list[float]) -> bool:
    told = (np.percentile(lengths, 50), np.percentile(lengths, 90), np.mean(lengths))
    return found.count == len(lengths) and np.allclose(told, (found.median, found.p90, found.mean), atol=1e-3)


def check_times(result: Times, measured: list[tuple[date, float]], period: Period) -> None:
    inside = [(day, length) for day, length in measured if within(period, day)]
    assert [day for day, _ in result.days] == sorted({day for day, _ in inside})
    for day, spread in result.days:
        assert close(spread, [length for on, length in inside if on == day])
    if inside:
        assert result.whole is not None and close(result.whole, [length for _, length in inside])
        assert result.value == result.whole.median
    else:
        assert result.whole is None and result.value is None


@pytest.mark.parametrize("seed", range(4))
async def test_every_figure_is_what_another_count_finds(sessions: SessionFactory, seed: int) -> None:
    rng = random.Random(seed)
    h = invent(rng)
    await write(sessions, h)
    with_ticket = {ticket["conversation_id"] for ticket in h.tickets}
    stronger = with_ticket | {c["conversation_id"] for c in h.cases if c["kind"] in ("complaint", "dispute")}
    began: dict[Any, datetime] = {}
    for message in h.messages:
        if message["sender"] == "taxpayer":
            talk = message["conversation_id"]
            began[talk] = min(began.get(talk, message["created_at"]), message["created_at"])
    dialled = [
        (day_of(min(at for at in (c["placed_at"], c["ringing_at"], c["answered_at"]) if at)), by_person(c))
        for c in h.calls
        if c["placed_at"] or c["ringing_at"] or c["answered_at"]
    ]
    logins = {staff["id"]: staff["login"] for staff in h.staff}
    first_claim: dict[Any, datetime] = {}
    for event in h.events:
        if event["kind"] == "claimed":
            known = first_claim.get(event["ticket_id"], event["at"])
            first_claim[event["ticket_id"]] = min(known, event["at"])
    async with sessions() as session:
        for period in periods(rng):
            assert share(await reports.connect_rate(session, period)) == pairs(dialled, period)
            assert share(await reports.self_service(session, period)) == pairs(
                ((day_of(at), talk not in with_ticket) for talk, at in began.items()), period
            )
            assert share(await reports.soft_reminders(session, period)) == pairs(
                (
                    (day_of(c["answered_at"]), c["conversation_id"] not in stronger)
                    for c in h.calls
                    if by_person(c)
                ),
                period,
            )
            judged = [(p["promised_on"], kept(h, p)) for p in h.promises]
            assert share(await reports.promises_kept(session, period)) == pairs(
                ((day, so) for day, so in judged if so is not None), period
            )
            for read, seen in (
                (reports.handoff_reasons, ((day_of(t["created_at"]), t["reason"]) for t in h.tickets)),
                (
                    reports.complaints,
                    ((day_of(c["created_at"]), "complaint") for c in h.cases if c["kind"] == "complaint"),
                ),
                (
                    reports.sla_breaches,
                    ((day_of(e["at"]), e["detail"]["clock"]) for e in h.events if e["kind"] == "breached"),
                ),
                (
                    reports.claims,
                    ((day_of(e["at"]), logins[e["staff_id"]]) for e in h.events if e["kind"] == "claimed"),
                ),
                (
                    reports.unanswered,
                    (
                        (day_of(m["created_at"]), m["payload"]["doubt"]["kind"])
                        for m in h.messages
                        if m["sender"] == "taxpayer" and m["payload"]
                    ),
                ),
            ):
                result = await read(session, period)
                wanted = Counter(each for each in seen if within(period, each[0]))
                assert counts(result) == wanted
                assert result.value == wanted.total() == sum(result.by_kind().values())
            check_times(
                await reports.first_response(session, period),
                [
                    (day_of(t["first_answer_at"]), (t["first_answer_at"] - t["created_at"]).total_seconds())
                    for t in h.tickets
                    if t["first_answer_at"]
                ],
                period,
            )
            check_times(
                await reports.handling(session, period),
                [
                    (day_of(t["closed_at"]), (t["closed_at"] - first_claim[t["id"]]).total_seconds())
                    for t in h.tickets
                    if t["claimed_at"]
                ],
                period,
            )
            scores = [s["score"] for s in h.surveys if within(period, day_of(s["created_at"]))]
            rated = await reports.satisfaction(session, period)
            assert rated.ratings == len(scores)
            assert rated.value == (pytest.approx(np.mean(scores)) if scores else None)
            assert sum(day.content for day in rated.days) == sum(score >= 4 for score in scores)
            assert sum(day.discontent for day in rated.days) == sum(score <= 2 for score in scores)


async def test_the_random_histories_reach_every_figure(sessions: SessionFactory) -> None:
    await write(sessions, invent(random.Random(0)))
    async with sessions() as session:
        for key in FIGURES:
            result = await figure(session, [Role.SUPERVISOR], key, WHOLE)
            assert result.value, key
            shown = table(key, result, WHOLE)
            assert shown.rows and {len(row) for row in shown.rows} == {len(shown.headings)}, key
            assert to_csv(shown) and to_xlsx(shown)
        promises = await reports.promises_kept(session, WHOLE)
        assert 0 < promises.part < promises.whole


async def test_nothing_gives_nothing_and_no_division(sessions: SessionFactory) -> None:
    async with sessions() as session:
        for key in FIGURES:
            result = await figure(session, [Role.AUDITOR], key, WHOLE)
            assert not result.days and not result.value


@pytest.mark.parametrize("role", [Role.AGENT, Role.OFFICER, Role.ADMIN])
async def test_others_do_not_see_them(sessions: SessionFactory, role: Role) -> None:
    async with sessions() as session:
        with pytest.raises(NotAllowed):
            await figure(session, [role], "connect_rate", WHOLE)


def test_a_period_does_not_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="早于"):
        Period(date(2026, 11, 2), date(2026, 11, 1))


def sections() -> dict[str, str]:
    """Key → section of the document."""
    parts = re.split(r"^## .*\(`(\w+)`\)$", DOCS, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_docs_registry_and_views_say_the_same(url: str) -> None:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select relname, obj_description(oid) from pg_class where relkind = 'v' and relname like 'report%'"
        ).fetchall()
        assert dict(rows) == {shown.view: shown.definition for shown in FIGURES.values()}
        assert list(sections()) == list(FIGURES)
        for key, shown in FIGURES.items():
            section = sections()[key]
            assert f"## {shown.title} (`{key}`)" in DOCS
            assert f"> {shown.definition}\n" in section
            assert f"View `{shown.view}`, unit {shown.unit}." in section
            query = re.search(r"```sql\n(.*?)```", section, flags=re.DOTALL)
            assert query is not None
            connection.execute(f"create temp view documented as {query[1]}")
            same = connection.execute(
                "select pg_get_viewdef('documented'::regclass) = pg_get_viewdef(%s::regclass)", [shown.view]
            ).fetchone()
            assert same == (True,), key
            connection.execute("drop view documented")


def test_every_view_has_a_day(url: str) -> None:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "select table_name from information_schema.columns"
            " where table_name like 'report%' and column_name = 'day' and data_type = 'date'"
        ).fetchall()
    assert {name for (name,) in found} == {shown.view for shown in FIGURES.values()}
