"""What reminders may say: the rules hold for the shipped words, and each catches what it is there for."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import delete, select

from handoff.permissions import NotAllowed, Role
from outreach.plan import CAMPAIGNS, load_plan
from outreach.templates import (
    BadTemplate,
    lint,
    listed,
    notice_for,
    save,
    seed_templates,
    starting_templates,
)
from store.engine import SessionFactory
from store.models import AuditEvent
from store.outreach_models import Template
from store.texts import SIGNATURE
from tests.handoff.desk import staff

pytestmark = pytest.mark.unit
WORDS = "您好，您有一项税费快到缴款期限了，想看具体内容，直接问我。"
ABOUT = "您有一条办税提醒，请自己登录电子税务局查看。想核实真假，请自己拨打12366。"


def test_the_shipped_texts_keep_the_rules_and_fit_one_text_message() -> None:
    shipped = list(starting_templates())
    assert len({each.key for each in shipped}) == len(shipped) >= 7
    for each in shipped:
        assert len(SIGNATURE + each.about) <= 70, each.key
        assert ("延期" in each.words) == each.key.startswith("early_"), each.key


@pytest.mark.parametrize("campaign", sorted(CAMPAIGNS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_shipped_campaign_finds_its_words_and_speaks_of_the_deferral_in_time_only(campaign) -> None:  # type: ignore[no-untyped-def]
    words = {each.key: each.words for each in starting_templates()}
    for step in load_plan(campaign).steps:
        if step.template is not None:
            assert step.template in words
            assert step.day < 0 or "延期" not in words[step.template]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("请缴纳12,500.30元。", "金额"),
        ("请缴纳三万二千元。", "金额"),
        ("请缴纳３万元。", "金额"),
        ("您要缴的大约是五万。", "数目"),
        ("合计 1,024.00，请留意。", "数目"),
        ("请回电028-85012345。", "12366"),
        ("请加 13900001234。", "手机号"),
        ("请拨打一三九零零零零一二三四。", "汉字写号码"),
        ("详见 https://pay.example.com。", "链接"),
        ("详见 swj-pay.cn。", "链接"),
        ("请扫码缴费。", "链接"),
        ("张先生，您好。", "姓名"),
        ("{姓名}，您好。", "变量"),
        ("现在还在宽限期里。", "宽限"),
        ("申请了一定能批。", "答应批准"),
        ("我们可以给您减免。", "答应批准"),
        ("现责令您缴纳。", "文书"),
        ("这是限期缴纳通知书。", "文书"),
        ("请转账到专用户。", "转账"),
        ("请告诉我们您的验证码。", "验证码"),
        ("否则后果自负。", "威胁"),
        ("不缴就冻结您的账户。", "威胁"),
    ],
)
def test_neither_text_may_say(said: str, why: str) -> None:
    for problems in (lint(WORDS + said, ABOUT), lint(WORDS, ABOUT + said)):
        assert any(why in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("您有欠税。", "欠税"),
        ("注意滞纳金。", "滞纳"),
        ("增值税快到了。", "增值税"),
        ("个税快到了。", "个税"),
        ("可以申请延期。", "延期"),
        ("您已经逾期。", "逾期"),
        ("12月15日前办理。", "数字"),
    ],
)
def test_a_text_message_says_nothing_of_what_it_is_about(said: str, why: str) -> None:
    assert any(why in problem for problem in lint(WORDS, ABOUT + said))


def test_a_text_message_says_how_to_check_us_and_is_short() -> None:
    assert any("核实" in problem for problem in lint(WORDS, "您有一条提醒，请留意。"))
    assert any("最多" in problem for problem in lint(WORDS, ABOUT * 4))
    assert lint("", "")


def test_saying_what_we_never_ask_for_is_no_asking() -> None:
    assert lint(WORDS + "我们不会要您的密码和验证码，也不要转账给任何人。", ABOUT) == []
    assert lint(WORDS, "这是一个税务提醒，相关税费自己登录查看。") == []
    assert lint(WORDS + "在期限届满前办理就好，税务总局汇总过常见问题。", ABOUT) == []


async def test_saving_is_a_supervisors_and_is_on_record(sessions: SessionFactory) -> None:
    chief, agent = await staff(sessions, Role.SUPERVISOR), await staff(sessions, Role.AGENT)
    async with sessions() as session, session.begin():
        await save(session, chief, "spring", " 春季  提醒 ", WORDS, ABOUT)
    async with sessions() as session, session.begin():
        saved = await save(session, chief, "spring", "春季提醒", WORDS + "谢谢您。", ABOUT)
    assert (saved.title, saved.saved_by) == ("春季提醒", f"staff:{chief.login}")
    attempt = uuid.uuid4()
    async with sessions() as session:
        notice = await notice_for(session, "spring", attempt)
        assert (notice.words, notice.about, notice.attempt_id) == (WORDS + "谢谢您。", ABOUT, attempt)
        told = (
            await session.scalars(select(AuditEvent).where(AuditEvent.subject == "template:spring"))
        ).all()
        assert [(event.actor, event.action) for event in told] == [
            (f"staff:{chief.login}", "template.saved")
        ] * 2
        with pytest.raises(LookupError, match="没有“autumn”"):
            await notice_for(session, "autumn", None)
        with pytest.raises(NotAllowed):
            await save(session, agent, "spring", "春季提醒", WORDS, ABOUT)


@pytest.mark.parametrize(
    ("key", "title", "words", "why"),
    [
        ("Spring", "春季", WORDS, "编号"),
        ("spring", "", WORDS, "标题"),
        ("spring", "春季", WORDS + "可以申请延期。", "延期"),
        ("spring", "春季", WORDS + "请转账。", "转账"),
    ],
)
async def test_what_breaks_a_rule_is_not_saved(
    sessions: SessionFactory, key: str, title: str, words: str, why: str
) -> None:
    chief = await staff(sessions, Role.SUPERVISOR)
    async with sessions() as session, session.begin():
        with pytest.raises(BadTemplate, match=why):
            await save(session, chief, key, title, words, ABOUT)
        assert await listed(session) == []
    assert lint(WORDS, ABOUT) == []


async def test_seeding_adds_what_is_missing_and_changes_nothing(sessions: SessionFactory) -> None:
    chief = await staff(sessions, Role.SUPERVISOR)
    async with sessions() as session, session.begin():
        assert await seed_templates(session) == len(list(starting_templates()))
        await save(session, chief, "visit", "改过的", WORDS, ABOUT)
        await session.execute(delete(Template).where(Template.key == "thank_you"))
    async with sessions() as session, session.begin():
        assert await seed_templates(session) == 1
        assert (await session.get_one(Template, "visit")).title == "改过的"
