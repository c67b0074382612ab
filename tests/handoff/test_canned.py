"""Ready replies: what may be kept, what the variables become, and the ones every installation begins with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from sqlalchemy import select

from handoff import canned
from handoff.canned import VARIABLES, Filling, fill, seed_canned
from handoff.office import STANDARD
from handoff.skills import Skill
from handoff.thread import BadWords
from kb.check import load_forbidden
from store.engine import SessionFactory
from store.handoff_models import CannedReply
from store.identity import VerifiedTaxpayer
from store.models import AuditEvent, TaxpayerKind
from tests.chat.database import fresh_database, opened
from tests.handoff.makers import SHANGHAI

pytestmark = pytest.mark.unit


def proven(name: str) -> VerifiedTaxpayer:
    return VerifiedTaxpayer(
        taxpayer_id=uuid.uuid4(),
        conversation_id=uuid.uuid4(),
        name=name,
        kind=TaxpayerKind.COMPANY,
        region="成都市",
        identifier_mask="9151****0014",
        valid_until=datetime(2026, 11, 23, 11, tzinfo=SHANGHAI),
    )


def filling(name: str | None = None) -> Filling:
    return Filling("王敏", "RG20261123-0001", STANDARD, proven(name) if name else None)


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@pytest_asyncio.fixture
async def empty() -> AsyncIterator[SessionFactory]:
    async with opened(fresh_database()) as factory:
        yield factory


async def keep(
    sessions: SessionFactory, title: str = "问好", text: str = "您好。", skill: str | None = None
) -> CannedReply:
    async with sessions() as session, session.begin():
        return await canned.add(session, title=title, text=text, skill=skill, actor="staff:boss")


def test_every_variable_is_filled() -> None:
    text = "/".join(f"{{{name}}}" for name in VARIABLES)
    assert fill(text, filling("青禾商贸")) == (
        "青禾商贸/王敏/RG20261123-0001/工作日9点到12点、14点到18点/12366"
    )


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("{姓名}，您好。", "青禾商贸，您好。", "您好。"),
        ("{姓名}您好，我是{坐席}。", "青禾商贸您好，我是王敏。", "您好，我是王敏。"),
        ("您好，{姓名}。", "您好，青禾商贸。", "您好，。"),
        ("单号{单号}，请留意。", "单号RG20261123-0001，请留意。", "单号RG20261123-0001，请留意。"),
    ],
)
def test_a_name_is_said_only_once_it_is_proven(text: str, known: str, unknown: str) -> None:
    assert fill(text, filling("青禾商贸")) == known
    assert fill(text, filling()) == unknown


def test_what_is_filled_in_is_not_read_again() -> None:
    assert fill("{姓名}，您好。", filling("{坐席}{单号}")) == "{坐席}{单号}，您好。"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{税号}，您好。", "税号"),
        ("{ 姓名 }，您好。", "变量"),
        ("{姓名，您好。", "成对"),
        ("姓名}，您好。", "成对"),
        ("{{姓名}}，您好。", "成对"),
        ("   ", "常用语"),
        ("好" * 501, "500"),
        ("请打我电话13900001234。", "手机号"),
        ("再不缴就拉黑。", "拉黑"),
        ("您一共欠300元。", "金额"),
    ],
)
async def test_a_reply_that_may_not_be_said_is_not_kept(
    sessions: SessionFactory, text: str, word: str
) -> None:
    with pytest.raises(BadWords, match=word):
        await keep(sessions, "不留", text)
    async with sessions() as session:
        assert "不留" not in [each.title for each in await canned.replies(session, retired=True)]


async def test_titles_and_skills_are_checked(sessions: SessionFactory) -> None:
    for title in ("", " ", "坏\0的", "长" * 21):
        with pytest.raises(BadWords, match="标题"):
            await keep(sessions, title=title)
    with pytest.raises(BadWords, match="技能"):
        await keep(sessions, skill="magic")


async def test_full_width_braces_are_braces(sessions: SessionFactory) -> None:
    assert (await keep(sessions, "全角", "｛姓名｝，\0您好。")).text == "{姓名}，您好。"


async def test_replies_are_kept_changed_put_away_and_taken_out(empty: SessionFactory) -> None:
    reply = await keep(empty)
    other = await keep(empty, title="延期", skill=Skill.DEFERRAL)
    with pytest.raises(BadWords, match="延期"):
        async with empty() as session, session.begin():
            await canned.rewrite(
                session, reply.id, title="延期", text="您好。", skill=None, actor="staff:boss"
            )
    async with empty() as session, session.begin():
        for _ in range(2):
            await canned.rewrite(
                session, reply.id, title="问候", text="您好呀。", skill=None, actor="staff:boss"
            )
            await canned.set_retired(session, other.id, True, actor="staff:boss")
        assert [each.title for each in await canned.replies(session)] == ["问候"]
        assert [each.title for each in await canned.replies(session, retired=True)] == ["延期", "问候"]
        await canned.set_retired(session, other.id, False, actor="staff:boss")
        assert len(await canned.replies(session, skill="deferral")) == 2
        assert [each.title for each in await canned.replies(session, skill="policy")] == ["问候"]
    async with empty() as session:
        events = await session.execute(
            select(AuditEvent.actor, AuditEvent.action, AuditEvent.subject).order_by(AuditEvent.id)
        )
        assert [tuple(row) for row in events] == [
            ("staff:boss", "canned.added", f"canned:{reply.id}"),
            ("staff:boss", "canned.added", f"canned:{other.id}"),
            ("staff:boss", "canned.changed", f"canned:{reply.id}"),
            ("staff:boss", "canned.retired", f"canned:{other.id}"),
            ("staff:boss", "canned.restored", f"canned:{other.id}"),
        ]


async def test_a_title_belongs_to_one_and_a_refusal_leaves_the_transaction_whole(
    sessions: SessionFactory,
) -> None:
    await keep(sessions, "仅此一条")
    async with sessions() as session, session.begin():
        with pytest.raises(BadWords, match="已经有一条"):
            await canned.add(session, title="仅此一条", text="又一条。", skill=None, actor="staff:boss")
        await canned.add(session, title="另一条", text="您好。", skill=None, actor="staff:boss")
    async with sessions() as session:
        kept = {each.title: each.text for each in await canned.replies(session)}
    assert (kept["仅此一条"], kept["另一条"]) == ("您好。", "您好。")


async def test_an_unknown_reply_is_said_to_be(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        with pytest.raises(BadWords, match="没有这条"):
            await canned.set_retired(session, uuid.uuid4(), True, actor="staff:boss")


async def test_the_starting_replies_come_once_and_not_over_a_bureaus_own(empty: SessionFactory) -> None:
    async def start() -> int:
        async with empty() as session, session.begin():
            return await seed_canned(session)

    added = await asyncio.gather(start(), start())
    assert sum(added) == len(list(canned.starting_replies())) >= 12
    async with empty() as session, session.begin():
        for reply in await canned.replies(session):
            await canned.set_retired(session, reply.id, True, actor="staff:boss")
    assert await start() == 0


def test_the_starting_replies_threaten_nobody_and_read_well_unverified() -> None:
    patterns = load_forbidden()
    skills = set()
    for title, text, skill in canned.starting_replies():
        skills.add(skill)
        for known in (filling(), filling("青禾商贸")):
            said = fill(text, known)
            assert not [pattern.pattern for pattern in patterns if pattern.search(said)], title
            assert "{" not in said, title
            assert said[0] not in "，。、：", title
            assert said.endswith(("。", "？")), title
            assert "，，" not in said and "，。" not in said, title
    assert {"deferral", "dispute", "complaint", "hardship", "enforcement", None} <= skills
