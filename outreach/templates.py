"""What reminders say: kept in the store, checked when they are saved, and seeded from ``templates.yml``.

``words`` are read by whoever has proved who they are, ``about`` by whoever holds the phone. Neither holds an amount:
who reads a message, and when, is not known while it is written.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.permissions import Action, require
from handoff.wording import objections
from outreach.terms import Notice
from store import audit
from store.handoff_models import Staff
from store.outreach_models import Template

LONGEST_TITLE = 40
LONGEST_ABOUT = 126
"""Characters; with the signature two text messages. One (66) is better."""
EARLY = "early_"
"""How the keys of templates begin that go out before the deadline only."""
SEEDED_BY = "system"

_FILE = Path(__file__).with_name("templates.yml")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CLAUSE = re.compile(r"[，。；！？!?;\n]")
_WARNING = re.compile(r"不会|绝不|从不|不要|请勿|切勿|别")
_HAN = "零〇一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟"
_DIGITS = re.compile(r"\d[\d\s.,，()-]*\d|\d")
_LARGE = re.compile(rf"(?:\d|[{_HAN}])\s*[万亿]|\d[\d,，]*\.\d{{2}}(?!\d)")
_SPELT_NUMBER = re.compile(r"[零〇一二三四五六七八九幺]{5,}")
_LINK = re.compile(
    r"https?:|www\.|[a-z0-9-]+\.(?:com|cn|net|org|gov|top|xyz|cc|vip|ly|me|io)\b|链接|扫码|二维码|点击",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[{}]|[\u4e00-\u9fff](?:先生|女士|老板)")
_GRACE = re.compile(r"宽限")
_GRANTED = re.compile(
    r"(?:肯定|保证|一定|必定|必然|包)(?:能|会|可以|给)?(?:批|通过|获批|减|免)|(?:可以|能|给|帮|为)[您你]?(?:减免|[减免](?:除|收|掉))"
)
_DOCUMENT = re.compile(r"责令|(?<![期宽])限期|通知书|决定书|强制|处罚|移送|依法追究|立案")
_SECRETS = re.compile(
    r"转账|转款|汇款|打款|银行卡|卡号|密码|验证码|收款码|付款码|支付宝|微信支付|对公账户|收款账户"
)
_TAX_WORDS = re.compile(
    r"欠税|欠缴|欠款|滞纳|罚|税款|税额|应缴|未缴|催缴|逾期|到期|过期|延期|缓缴|社保|社会保险|教育费附加|"
    r"(?:增值|所得|消费|城建|城市维护建设|房产|土地使用|土地增值|耕地占用|印花|车船|车辆购置|契|资源|环保|环境保护|烟叶|(?<![相有])关|个)税(?![务费收])"
)
_OWN_CHECK = re.compile(r"12366|登录")
_DEFERRAL = re.compile(r"延期|缓缴|延缓")


class BadTemplate(ValueError):
    """A template cannot be kept; the words (Chinese) say why, one reason after the other."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("；".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Starting:
    """A template of ``templates.yml``."""

    key: str
    title: str
    words: str
    about: str


async def notice_for(session: AsyncSession, key: str, attempt_id: uuid.UUID | None) -> Notice:
    """The notice that a template makes, for an attempt where there is one. Raises LookupError for an unknown key."""
    found = await session.get(Template, key)
    if found is None:
        raise LookupError(f"没有“{key}”这个模板。")
    return Notice(found.words, found.about, attempt_id)


async def listed(session: AsyncSession) -> list[Template]:
    """All templates by key."""
    return list((await session.scalars(select(Template).order_by(Template.key))).all())


def lint(words: str, about: str) -> list[str]:
    """What is wrong with a template's texts, each reason in Chinese; empty when nothing is."""
    return [*_both(words, "站内文字"), *_both(about, "短信文字"), *_about(about)]


async def save(session: AsyncSession, by: Staff, key: str, title: str, words: str, about: str) -> Template:
    """Keep a template, new or changed; what was sent with its old words stays.

    Raises:
        NotAllowed: the role may not.
        BadTemplate: something is wrong with it.
    """
    require(by.roles, Action.SAVE_TEMPLATE)
    title, words, about = " ".join(title.split()), words.strip(), about.strip()
    if problems := [*_head(key, title), *_season(key, words), *lint(words, about)]:
        raise BadTemplate(problems)
    values = {"title": title, "words": words, "about": about, "saved_by": f"staff:{by.login}"}
    saved: Template = (
        await session.scalars(
            insert(Template)
            .values(key=key, **values)
            .on_conflict_do_update(index_elements=["key"], set_={**values, "saved_at": func.now()})
            .returning(Template),
            execution_options={"populate_existing": True},
        )
    ).one()
    await audit.record(
        session, actor=f"staff:{by.login}", action="template.saved", subject=f"template:{key}", detail={}
    )
    return saved


async def seed_templates(session: AsyncSession) -> int:
    """Add the templates every installation begins with where they are missing; returns how many were added."""
    added = await session.scalars(
        insert(Template)
        .values(
            [
                {
                    "key": each.key,
                    "title": each.title,
                    "words": each.words,
                    "about": each.about,
                    "saved_by": SEEDED_BY,
                }
                for each in starting_templates()
            ]
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(Template.key)
    )
    return len(added.all())


def starting_templates() -> Iterator[Starting]:
    """What ``templates.yml`` holds. Raises :class:`BadTemplate` for one that breaks the rules."""
    for entry in yaml.safe_load(_FILE.read_text(encoding="utf-8")):
        one = Starting(**entry)
        if problems := [
            *_head(one.key, one.title),
            *_season(one.key, one.words),
            *lint(one.words, one.about),
        ]:
            raise BadTemplate([f"{one.key}：{problem}" for problem in problems])
        yield one


def _head(key: str, title: str) -> Iterator[str]:
    if not _KEY.fullmatch(key):
        yield "模板编号只能用小写字母、数字和下划线，以字母开头，最多40个字符"
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        yield f"标题要写1到{LONGEST_TITLE}个字"


def _season(key: str, words: str) -> Iterator[str]:
    if _DEFERRAL.search(words) and not key.startswith(EARLY):
        yield f"期限过后不能再申请延期，只有编号以{EARLY}开头、到期前用的模板可以提延期"


def _both(text: str, name: str) -> Iterator[str]:
    yield from (f"{name}：{problem}" for problem in objections(text))
    plain = unicodedata.normalize("NFKC", text)
    if _LARGE.search(plain):
        yield f"{name}：不要写金额或数目，对方核实身份后可以自己查到"
    if any(len(_bare(found[0])) >= 5 and _bare(found[0]) != "12366" for found in _DIGITS.finditer(plain)):
        yield f"{name}：电话号码只能写12366"
    elif _SPELT_NUMBER.search(plain):
        yield f"{name}：不要用汉字写号码"
    if found := _LINK.search(plain):
        yield f"{name}：不要放链接或二维码（“{found[0]}”），请对方自己登录"
    if _NAMED.search(plain):
        yield f"{name}：不要写姓名或变量，收到的人不一定是本人"
    if _GRACE.search(plain):
        yield f"{name}：税法没有宽限期，不要提“宽限”"
    if _GRANTED.search(plain):
        yield f"{name}：不要答应批准或减免，这要由税务机关依法决定"
    if found := _DOCUMENT.search(plain):
        yield f"{name}：提醒不是税务文书，不要用“{found[0]}”"
    for clause in _CLAUSE.split(plain):
        if (found := _SECRETS.search(clause)) and not _WARNING.search(clause):
            yield f"{name}：我们从不通过消息要求转账或索取“{found[0]}”"


def _about(about: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", about)
    if len(about) > LONGEST_ABOUT:
        yield f"短信文字：最多{LONGEST_ABOUT}个字"
    if found := _TAX_WORDS.search(plain):
        yield f"短信文字：看到短信的人不一定是本人，不要写“{found[0]}”"
    if any(_bare(found[0]) != "12366" for found in _DIGITS.finditer(plain)):
        yield "短信文字：除了12366不要写数字"
    if not _OWN_CHECK.search(plain):
        yield "短信文字：要写明怎样核实，例如请对方自己拨打12366，或自己登录电子税务局"


def _bare(number: str) -> str:
    return re.sub(r"\D", "", number)
