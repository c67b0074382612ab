"""Bulk work: importing bills, working out late fees, adding to the audit trail."""

from __future__ import annotations

import csv
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg import sql

from gateway.settings import ROOT
from store import audit, migrate
from store.databases import with_database
from store.engine import make_engine, make_sessions
from store.fictional import MARK, REGIONS, identifier, phone
from store.models import TaxpayerKind
from tax.deferral import Deferral
from tax.late_fee import LateFeeQuery, Payment, compute
from tests.support.stack import TODAY

TAXPAYERS = 900
_TAXES = ("增值税", "企业所得税", "城市维护建设税", "个人所得税")


@dataclass(frozen=True, slots=True)
class Imported:
    """``rows`` bills taken in ``seconds``; the process grew by ``growth_mb`` at most over its ``base_mb``."""

    rows: int
    seconds: float
    base_mb: float
    growth_mb: float


@dataclass(frozen=True, slots=True)
class LateFees:
    """Computations a second on one core, and lines a second through the command without its start."""

    computed_per_s: float
    lines_per_s: float
    start_s: float


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """An empty, migrated database beside the one at ``url``; gone in the end."""
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            target = with_database(url, name)
            migrate.upgrade(target)
            yield target
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def import_bills(url: str, folder: Path, rows: int) -> Imported:
    """Import ``rows`` bills of :data:`TAXPAYERS` fictional taxpayers, each file in a process of its own."""
    taxpayers, bills = folder / "taxpayers.csv", folder / "bills.csv"
    who = [
        (TaxpayerKind.COMPANY, REGIONS[number % len(REGIONS)], number) for number in range(1, TAXPAYERS + 1)
    ]
    with taxpayers.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["纳税人名称", "统一社会信用代码", "类型", "地区", "联系人", "手机"])
        for kind, region, number in who:
            row = [
                f"公司{number}{MARK}",
                identifier(kind, region, number),
                "企业",
                region,
                "会计",
                phone(number),
            ]
            writer.writerow(row)
    codes = [identifier(*one) for one in who]
    with bills.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["税单号", "统一社会信用代码", "税种", "所属期", "税额", "缴款期限"])
        for number in range(rows):
            due = TODAY + timedelta(days=number % 60 - 30)
            principal = f"{100 + number % 99_000}.{number % 100:02d}"
            writer.writerow(
                [
                    f"BENCH{number:08d}",
                    codes[number % len(codes)],
                    _TAXES[number % 4],
                    "2026-10",
                    principal,
                    due,
                ]
            )
    _import(url, taxpayers)
    cost = _import(url, bills)
    return Imported(
        int(cost["rows"]),
        cost["seconds"],
        cost["before_kb"] / 1024,
        (cost["peak_kb"] - cost["before_kb"]) / 1024,
    )


def _import(url: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.load.import_once", url, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"import of {path.name} failed\n{done.stderr[-2000:]}")
    cost: dict[str, float] = json.loads(done.stdout)
    return cost


def late_fees(lines: int, seconds: float) -> LateFees:
    """Compute a mix of cases for ``seconds``; then ``lines`` lines through ``shuiling late-fee --batch``."""
    due = date(2026, 7, 15)
    cases = (
        LateFeeQuery(Decimal("12500.30"), due, None, TODAY),
        LateFeeQuery(Decimal("9600.00"), None, date(2026, 10, 15), TODAY),
        LateFeeQuery(
            Decimal("100000.00"), due, None, TODAY, (Payment(date(2026, 8, 20), Decimal("30000.00")),)
        ),
        LateFeeQuery(Decimal("80000.00"), due, None, TODAY, deferral=Deferral(due, date(2026, 9, 30))),
    )
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for query in cases:
            compute(query)
        done += len(cases)
    rows = (
        {"principal": "12500.30", "due": "2026-07-15", "on": "2026-11-23"},
        {"principal": "9600.00", "nominal": "2026-10-15", "on": "2026-11-23"},
        {
            "principal": "100000.00",
            "due": "2026-07-15",
            "on": "2026-11-23",
            "payments": [["2026-08-20", "30000.00"]],
        },
        {
            "principal": "80000.00",
            "due": "2026-07-15",
            "on": "2026-11-23",
            "deferral": ["2026-07-15", "2026-09-30"],
        },
    )
    start = _batch([json.dumps(rows[0])])
    whole = _batch([json.dumps(rows[number % len(rows)]) for number in range(lines)])
    return LateFees(done / spent, (lines - 1) / (whole - start), start)


def _batch(lines: list[str]) -> float:
    command = [sys.executable, "-m", "gateway.cli.main", "late-fee", "--batch", "-"]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), input="\n".join(lines) + "\n", capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(lines) or not all("late_fee" in answer for answer in answers):
        raise RuntimeError(f"late-fee --batch failed\n{done.stdout[:500]}\n{done.stderr[-2000:]}")
    return seconds


async def audit_rate(url: str, rows: int) -> float:
    """Events added a second, each in a transaction of its own, and the chain verified in the end."""
    engine = make_engine(url, pool_size=1, max_overflow=0)
    sessions = make_sessions(engine)
    try:
        began = time.perf_counter()
        for number in range(rows):
            async with sessions() as session, session.begin():
                await audit.record(
                    session, actor="bench", action="bench.event", subject="none", detail={"number": number}
                )
        seconds = time.perf_counter() - began
        async with sessions() as session:
            if not (await audit.verify(session)).ok:
                raise RuntimeError("the audit chain does not hold")
    finally:
        await engine.dispose()
    return rows / seconds
