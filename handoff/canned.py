"""Ready replies with variables: kept, checked, and filled in for the conversation at hand."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.office import Hours
from handoff.skills import Skill
from handoff.thread import BadWords
from handoff.wording import fit_to_send
from store import audit
from store.handoff_models import CannedReply
from store.identity import VerifiedTaxpayer

HALL_PHONE = "12366"
"""The tax service line, which puts callers through to their service hall (国税函〔2008〕608号)."""
LONGEST_TITLE = 20
VARIABLES: Mapping[str, str] = {
    "姓名": "纳税人名称，核实身份后才有",
    "坐席": "您的姓名",
    "单号": "这次转人工的单号",
    "服务时间": "人工服务时间",
    "办税服务厅电话": HALL_PHONE,
}
"""What may stand in braces, and what becomes of it."""

_FILE = Path(__file__).with_name("canned.yml")
_VARIABLE = re.compile(r"\{([^{}]*)\}([，、：]?)")
_TYPED = str.maketrans("｛｝", "{}", "\0")
"""An input method's braces are braces; what PostgreSQL cannot keep goes."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What the variables stand for in one conversation; ``who``: the proof, ``None`` while there is none."""

    agent: str
    number: str
    hours: Hours
    who: VerifiedTaxpayer | None


def fill(text: str, filling: Filling) -> str:
    """``text`` with its variables replaced; a name that is not proven goes, with the sign that follows it."""
    values = {
        "姓名": filling.who.name if filling.who is not None else None,
        "坐席": filling.agent,
        "单号": filling.number,
        "服务时间": filling.hours.in_words(),
        "办税服务厅电话": HALL_PHONE,
    }

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1])
        return "" if known is None else known + found[2]

    return _VARIABLE.sub(value, text)


async def replies(
    session: AsyncSession, *, skill: str | None = None, retired: bool = False
) -> list[CannedReply]:
    """By title: those for ``skill`` and for everything (all where none is named); the ``retired`` ones if asked for."""
    wanted = select(CannedReply).order_by(CannedReply.title)
    if not retired:
        wanted = wanted.where(~CannedReply.retired)
    if skill is not None:
        wanted = wanted.where(or_(CannedReply.skill == skill, CannedReply.skill.is_(None)))
    return list((await session.scalars(wanted)).all())


async def add(session: AsyncSession, *, title: str, text: str, skill: str | None, actor: str) -> CannedReply:
    """Keep a new reply. Raises :class:`BadWords`."""
    reply = CannedReply(id=uuid.uuid4(), retired=False)
    await _keep(session, reply, _title(title), _text(text), _skill(skill))
    await _record(session, reply, "canned.added", actor)
    return reply


async def rewrite(
    session: AsyncSession, reply_id: uuid.UUID, *, title: str, text: str, skill: str | None, actor: str
) -> CannedReply:
    """Change a reply; what was sent with its old words stays. Raises :class:`BadWords`."""
    wanted = (_title(title), _text(text), _skill(skill))
    reply = await _locked(session, reply_id)
    if (reply.title, reply.text, reply.skill) == wanted:
        return reply
    await _keep(session, reply, *wanted)
    await _record(session, reply, "canned.changed", actor)
    return reply


async def set_retired(session: AsyncSession, reply_id: uuid.UUID, retired: bool, *, actor: str) -> None:
    """Put a reply away, or take it out again. Raises :class:`BadWords`."""
    reply = await _locked(session, reply_id)
    if reply.retired == retired:
        return
    reply.retired = retired
    await _record(session, reply, "canned.retired" if retired else "canned.restored", actor)


async def seed_canned(session: AsyncSession) -> int:
    """Add the replies every installation begins with where there is none at all; returns how many were added."""
    if await session.scalar(select(CannedReply.id).limit(1)) is not None:
        return 0
    added = await session.scalars(
        insert(CannedReply)
        .values(
            [
                {"id": uuid.uuid4(), "title": title, "text": text, "skill": skill}
                for title, text, skill in starting_replies()
            ]
        )
        .on_conflict_do_nothing(index_elements=["title"])
        .returning(CannedReply.id)
    )
    return len(added.all())


def starting_replies() -> Iterator[tuple[str, str, str | None]]:
    """Title, text and skill of what ``canned.yml`` holds. Raises :class:`BadWords` for one that breaks the rules."""
    for entry in yaml.safe_load(_FILE.read_text(encoding="utf-8")):
        yield _title(entry["title"]), _text(entry["text"]), _skill(entry.get("skill"))


def _title(title: str) -> str:
    clean = " ".join(title.split())
    if not clean or len(clean) > LONGEST_TITLE or not clean.isprintable():
        raise BadWords(f"标题要写1到{LONGEST_TITLE}个字。")
    return clean


def _text(text: str) -> str:
    clean = fit_to_send(text.translate(_TYPED), "常用语")
    for found in _VARIABLE.finditer(clean):
        if found[1] not in VARIABLES:
            known = "、".join(f"{{{name}}}" for name in VARIABLES)
            raise BadWords(f"没有{{{found[1]}}}这个变量，可以用：{known}。")
    if set("{}") & set(_VARIABLE.sub("", clean)):
        raise BadWords("花括号没有成对。")
    return clean


def _skill(skill: str | None) -> str | None:
    if skill is not None and skill not in set(Skill):
        raise BadWords("没有这样的技能。")
    return skill or None


async def _locked(session: AsyncSession, reply_id: uuid.UUID) -> CannedReply:
    reply = await session.get(CannedReply, reply_id, with_for_update=True, populate_existing=True)
    if reply is None:
        raise BadWords("没有这条常用语。")
    return reply


async def _keep(session: AsyncSession, reply: CannedReply, title: str, text: str, skill: str | None) -> None:
    try:
        async with session.begin_nested():
            reply.title, reply.text, reply.skill = title, text, skill
            session.add(reply)
            await session.flush()
    except IntegrityError:
        raise BadWords(f"已经有一条叫“{title}”的常用语了，停用的也算。") from None


async def _record(session: AsyncSession, reply: CannedReply, action: str, actor: str) -> None:
    await audit.record(session, actor=actor, action=action, subject=f"canned:{reply.id}", detail={})
