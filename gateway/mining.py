"""What the bot did not understand or could not answer, gathered for people to learn from.

Reads the notes that actions leave on messages (``actions/doubts.py``), takes personal data out, groups like with like
by sentence vectors and finds the intent whose examples lie nearest. Nothing is learned by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.examples import Example
from store.models import Conversation, Message, Taxpayer

ALIKE = 0.55
"""Cosine of centred vectors from which two messages are of one group."""
NEIGHBOURS = 3
Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
_PLACEHOLDER = re.compile(r"〔[^〕]*〕")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_DIGITS = re.compile(r"(?<![0-9.])[0-9][0-9 -]{4,}[0-9Xx](?![0-9.])")
_SPOKEN = re.compile(r"[零〇一二三四五六七八九幺洞拐]{6,}")
_COMPANY = re.compile(
    r"[\u4e00-\u9fff]{2,20}?(?:有限责任公司|有限公司|股份公司|合作社|经营部|商行|事务所|工作室)"
)
_NAME = re.compile(
    r"(?:我(?:叫|是|姓名是?)|名字(?:叫|是)|本人)\s*[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
    r"谢邹苏潘葛范彭郎鲁韦马苗方俞任袁柳唐费薛雷贺倪汤罗毕郝安常于傅齐康伍余顾孟黄穆萧尹姚邵汪毛戴宋庞熊纪舒项祝董梁杜"
    r"阮蓝闵席季贾路江童颜郭梅盛林钟徐邱骆高夏蔡田胡凌霍万柯管卢莫房解应宗丁邓洪包左石崔龚程邢裴陆翁段侯武刘龙叶黎白赖"
    r"文聂曾关向古易廖谭欧][\u4e00-\u9fff]{1,2}(?=[，。！？、\s]|$)"
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One message that was read with doubt (``unclear``) or had no article (``unanswered``)."""

    text: str
    kind: str
    intent: str
    confidence: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that mean about the same, the commonest first, and the intents nearest to them with similarity."""

    doubts: tuple[Doubt, ...]
    nearest: tuple[tuple[str, float], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The different texts, commonest first."""
        return tuple(text for text, _ in Counter(d.text for d in self.doubts).most_common())


async def doubts_since(session: AsyncSession, since: datetime, below: float) -> list[Doubt]:
    """Doubtful and unanswered messages from ``since`` on, newest first, without personal data."""
    rows = await session.execute(
        select(Message.text, Message.payload, Message.created_at, Taxpayer.name)
        .join(Conversation, Message.conversation_id == Conversation.id)
        .outerjoin(Taxpayer, Conversation.taxpayer_id == Taxpayer.id)
        .where(Message.sender == "taxpayer", Message.created_at >= since, Message.payload.has_key("doubt"))
        .order_by(Message.id.desc())
    )
    found = []
    for text, payload, at, name in rows:
        doubt: dict[str, Any] = payload["doubt"]
        unread = doubt["kind"] == "unanswered" or doubt["intent"] in ("nlu_fallback", "out_of_scope")
        if unread or doubt["confidence"] < below:
            found.append(
                Doubt(impersonal(text, name), doubt["kind"], doubt["intent"], doubt["confidence"], at)
            )
    return found


def impersonal(text: str, name: str | None = None) -> str:
    """``text`` without numbers that lead to somebody, addresses, and names of people and firms."""
    if name:
        bare = re.sub(r"[（(].*?[）)]", "", name)
        for known in (name, bare):
            if len(known) >= 2:
                text = text.replace(known, "某某")
    text = _PLACEHOLDER.sub("某号码", text)
    text = _MAIL.sub("某邮箱", text)
    text = _COMPANY.sub("某公司", text)
    text = _NAME.sub(lambda found: re.sub(r"[\u4e00-\u9fff]{2,3}$", "", found[0]) + "某某", text)
    text = _DIGITS.sub("某号码", text)
    return _SPOKEN.sub("某号码", text)


def group(
    doubts: Sequence[Doubt], examples: Sequence[Example], embed: Embed, embed_examples: Embed
) -> list[Group]:
    """Groups by likeness, the biggest first; each new message joins the group whose centre is nearest, or begins one."""
    if not doubts:
        return []
    known = embed_examples([example.text for example in examples])
    centre = known.mean(axis=0)
    texts = [text for text, _ in Counter(d.text for d in doubts).most_common()]
    vectors = _centred(embed(texts), centre)
    members: list[list[int]] = []
    for place, vector in enumerate(vectors):
        likeness = [float(vector @ _unit(vectors[rows].mean(axis=0))) for rows in members]
        best = int(np.argmax(likeness)) if likeness else -1
        if best >= 0 and likeness[best] >= ALIKE:
            members[best].append(place)
        else:
            members.append([place])
    against = _centred(known, centre)
    found = []
    for rows in members:
        mine = {texts[row] for row in rows}
        nearest = _nearest(_unit(vectors[rows].mean(axis=0)), against, examples)
        found.append(Group(tuple(d for d in doubts if d.text in mine), nearest))
    return sorted(found, key=lambda g: -len(g.doubts))


def _nearest(vector: Vectors, against: Vectors, examples: Sequence[Example]) -> tuple[tuple[str, float], ...]:
    """Intents by the mean likeness of their :data:`NEIGHBOURS` nearest examples."""
    likeness = against @ vector
    by_intent: dict[str, list[float]] = {}
    for place in np.argsort(-likeness):
        best = by_intent.setdefault(examples[int(place)].intent, [])
        if len(best) < NEIGHBOURS:
            best.append(float(likeness[place]))
    means = {intent: sum(best) / len(best) for intent, best in by_intent.items()}
    return tuple(sorted(means.items(), key=lambda item: -item[1])[:3])


def _centred(vectors: Vectors, centre: Vectors) -> Vectors:
    shifted = vectors - centre
    lengths = np.linalg.norm(shifted, axis=1, keepdims=True)
    return np.asarray(shifted / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / (np.linalg.norm(vector) or 1.0), dtype=np.float32)


def stub(groups: Sequence[Group]) -> str:
    """The groups as Rasa's YAML, to be read, corrected and pasted into ``nlu_data/nlu`` by a person."""
    blocks = [
        'version: "3.1"',
        "# 逐句看过、改对意图再贴进 nlu_data/nlu/<意图>.yml，然后运行 shuiling data check。",
        "nlu:",
    ]
    for each in groups:
        near = "、".join(f"{intent} {likeness:.2f}" for intent, likeness in each.nearest)
        blocks.append(f"# {len(each.doubts)} 次；最接近：{near}")
        blocks.append(f"- intent: {each.nearest[0][0]}\n  examples: |")
        blocks += [f"    - {' '.join(text.split())}" for text in each.texts]
    return "\n".join(blocks) + "\n"
