"""Many taxpayers with their bills, written in seconds, and how long enrolling them takes.

``python -m tests.load.outreach.bulk 10000`` enrols so many and prints the figures as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time

import psutil
import psycopg

from gateway.settings import ROOT
from outreach.campaigns import create, start
from outreach.clock import SHANGHAI, SetClock
from outreach.enrol import enrol
from outreach.plan import CAMPAIGNS, load_plan
from outreach.risk import load_rules
from outreach.templates import seed_templates
from store.crypto import FieldCipher
from store.fictional import MARK, REGIONS
from tests.chat.database import CIPHER, fresh_database, opened
from tests.support.stack import TODAY

NOW = datetime.combine(TODAY, clock_time(7), SHANGHAI)
BILLS_EACH = 10
CALLING_EACH = 3
"""Bills of each taxpayer that fall due on one day of the coming week; the others are history, some paid late."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What enrolling cost. ``growth_mb``: how much the process grew while it ran."""

    bills: int
    reminders: int
    steps: int
    seconds: float
    growth_mb: float


def fill(
    url: str,
    taxpayers: int,
    *,
    today: date = TODAY,
    bills_each: int = BILLS_EACH,
    calling_each: int = CALLING_EACH,
    due_in: tuple[int, int] = (1, 7),
    cipher: FieldCipher = CIPHER,
) -> None:
    """Fill an empty database. What calls falls due ``due_in`` days from ``today``, spread over both ends' days.

    Rows are numbered: taxpayer ``n`` has the id ``md5('t' || n)`` and the phone 199 followed by eight digits.
    """
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(_TAXPAYERS) as copy:
            for number in range(1, taxpayers + 1):
                who = _id("t", number)
                mark = number.to_bytes(8, "big")
                region = REGIONS[number % len(REGIONS)]
                copy.write_row(
                    (who, "company", f"第{number}号公司{MARK}", region, "uscc", mark, mark, "99*", True)
                )
        with cursor.copy(_CONTACTS) as copy:
            for number in range(1, taxpayers + 1):
                phone = f"199{number:08d}"
                sealed, hashed = cipher.encrypt(phone, "contact.phone"), cipher.lookup_hash("phone", phone)
                mask = f"199****{number % 10_000:04d}"
                copy.write_row(
                    (_id("c", number), _id("t", number), "财务负责人", "会计", sealed, hashed, mask, True)
                )
        shape = {
            "taxpayers": taxpayers,
            "bills": bills_each,
            "calling": calling_each,
            "first": today + timedelta(days=due_in[0]),
            "days": due_in[1] - due_in[0] + 1,
            "today": today,
        }
        cursor.execute(_BILLS, shape)
        cursor.execute(_PAYMENTS, {"today": today})
        connection.commit()
        connection.autocommit = True
        cursor.execute("vacuum analyze")


async def measure(taxpayers: int) -> Enrolment:
    """Enrol the shipped campaign on a database of its own."""
    url = fresh_database()
    fill(url, taxpayers)
    async with opened(url) as sessions:
        async with sessions() as session, session.begin():
            await seed_templates(session)
            campaign = await create(session, "bench", "测量", load_plan(CAMPAIGNS / "standard.yml"))
            await start(session, "bench", campaign.id)
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        enrolled = await enrol(sessions, SetClock(NOW), campaign.id, load_rules())
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Enrolment(
        taxpayers * BILLS_EACH, enrolled.reminders, enrolled.steps, seconds, (peak - before) / 2**20
    )


def enrolment(taxpayers: int) -> Enrolment:
    """:func:`measure` in a process of its own, so that its memory is its own too."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.outreach.bulk", str(taxpayers)],
        cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"enrolling {taxpayers} failed\n{done.stderr[-2000:]}")
    return Enrolment(**json.loads(done.stdout))


def _id(kind: str, number: int) -> uuid.UUID:
    return uuid.UUID(hashlib.md5(f"{kind}{number}".encode()).hexdigest())


_TAXPAYERS = """
copy taxpayer (id, kind, name, region, identifier_kind, identifier_enc, identifier_hash, identifier_mask, fictional)
from stdin
"""
_CONTACTS = (
    "copy contact (id, taxpayer_id, role, name, phone_enc, phone_hash, phone_mask, is_primary) from stdin"
)
_BILLS = """
insert into bill (id, bill_no, taxpayer_id, tax_type, period, principal, due_date, status)
select md5('b' || n || '/' || k)::uuid, 'N' || n || '-' || k, md5('t' || n)::uuid,
       (array['增值税', '企业所得税', '城市维护建设税', '个人所得税'])[1 + k %% 4], '2026-10',
       100 + (n::bigint * 7919 + k * 104729) %% 99900,
       case when k < %(calling)s then %(first)s::date + n %% %(days)s
            else %(today)s::date - 40 * (k - %(calling)s + 1) end,
       case when k < %(calling)s then 'open' else 'settled' end
  from generate_series(1, %(taxpayers)s) n, generate_series(0, %(bills)s - 1) k
"""
_PAYMENTS = """
insert into payment (id, payment_no, bill_id, paid_on, amount, channel)
select md5('p' || bill_no)::uuid, 'P' || bill_no, id,
       least(due_date + (hashtext(taxpayer_id::text) %% 5 = 0)::int * 13 - 3, %(today)s::date), principal, '电子税务局'
  from bill
 where status = 'settled'
"""


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(measure(int(sys.argv[1]))))))
