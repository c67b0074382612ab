"""What was said and sent: messages, calls word by word, files, and what colleagues noted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from handoff.story.model import Item, Thread
from store.audit import mask_identifiers
from store.handoff_models import InternalNote
from store.models import Call, CallLine, DeferralMaterial, Message

_OUTCOME_ZH: Mapping[str, str] = {
    "completed": "已核实身份并说明事项",
    "not_verified": "没有核实身份",
    "wrong_person": "接听的不是本人",
    "callback": "约定回电",
    "opted_out": "不愿再接电话",
    "human": "转人工",
    "voicemail": "语音信箱",
    "silent": "接起后没有人说话",
    "hung_up": "对方挂断",
    "busy": "占线",
    "no_answer": "无人接听",
    "rejected": "拒接",
    "invalid_number": "号码无效",
    "fax": "传真",
    "carrier_failure": "线路故障",
    "our_failure": "系统故障",
}
_SENDER_ZH: Mapping[str, str] = {"taxpayer": "纳税人", "bot": "税铃", "agent": "坐席", "system": "系统"}
_SPEAKER_ZH: Mapping[str, str] = {"bot": "税铃", "caller": "接听人", "key": "按键"}
_SPEAKER_OF: Mapping[str, str] = {"taxpayer": "caller", "bot": "bot"}
_NOT_PRINTED = frozenset({"survey", "upload"})
"""Parts of a bubble that are there to be filled in, not to be read."""


async def calls_of(thread: Thread, ids: Sequence[uuid.UUID]) -> list[Item]:
    """Every call with its transcript; comes before :func:`messages_of`, which leaves out what stands here."""
    rung = await thread.session.scalars(
        select(Call).where(Call.conversation_id.in_(ids)).order_by(Call.created_at, Call.id)
    )
    calls = [call for call in rung if thread.theirs(call.conversation_id, call.created_at, call.taxpayer_id)]
    lines: dict[uuid.UUID, list[CallLine]] = {}
    rows = await thread.session.scalars(
        select(CallLine)
        .where(CallLine.call_id.in_([call.id for call in calls]))
        .order_by(CallLine.began_ms, CallLine.id)
    )
    for line in rows:
        lines.setdefault(line.call_id, []).append(line)
    thread.calls = len(calls)
    found = []
    for call in calls:
        where = thread.names[call.conversation_id]
        began = call.placed_at or call.ringing_at or call.answered_at or call.intent_at or call.created_at
        words = "拨打电话" if call.intent_at is not None else "安排了电话"
        found.append(Item(began, "税铃", where, f"{words} {call.phone_mask}"))
        clock = call.stream_opened_at or call.answered_at or began
        said = thread.spoken.setdefault(call.conversation_id, {})
        for line in lines.get(call.id, ()):
            said[line.speaker] = said.get(line.speaker, "") + _letters(line.text)
            at = clock + timedelta(milliseconds=line.began_ms)
            heard = "（对方可能没有听到）" if line.heard == 0 else ""
            found.append(
                Item(
                    at,
                    f"{_SPEAKER_ZH.get(line.speaker, line.speaker)}（通话）",
                    where,
                    mask_identifiers(line.text) + heard,
                )
            )
        if call.ended_at is not None:
            outcome = _OUTCOME_ZH.get(call.outcome or "", call.outcome or "结果不明")
            found.append(Item(call.ended_at, "税铃", where, f"通话结束：{outcome}"))
    return found


async def messages_of(thread: Thread, ids: Sequence[uuid.UUID]) -> list[Item]:
    """What was written, and what was said on the telephone and stands in no transcript."""
    rows = await thread.session.scalars(
        select(Message).where(Message.conversation_id.in_(ids)).order_by(Message.id)
    )
    found = []
    for message in rows:
        if message.payload.get("command"):
            continue
        if not thread.theirs(message.conversation_id, message.created_at):
            thread.left_out += 1
            continue
        spoken = thread.spoken.get(message.conversation_id, {}).get(_SPEAKER_OF.get(message.sender, ""), "")
        letters = _letters(message.text)
        if letters and letters in spoken:
            continue
        who = _SENDER_ZH[message.sender]
        by = message.payload.get("by")
        found.append(
            Item(
                message.created_at,
                f"{who}{by}" if isinstance(by, str) else who,
                thread.names[message.conversation_id],
                mask_identifiers("\n".join((message.text, *_attached(message.payload)))),
            )
        )
    return found


def _attached(payload: Mapping[str, Any]) -> Iterator[str]:
    """What a bubble shows beside its text: tables and sources, then its buttons."""
    custom = payload.get("custom")
    if isinstance(custom, Mapping) and custom.get("kind") not in _NOT_PRINTED:
        told = [text for text in _leaves(custom) if text]
        if told:
            yield f"〔附：{'；'.join(told)}〕"
    buttons = payload.get("buttons")
    if isinstance(buttons, list):
        titles = [
            str(button["title"]) for button in buttons if isinstance(button, Mapping) and "title" in button
        ]
        if titles:
            yield f"〔按钮：{'／'.join(titles)}〕"


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in ("href", "kind"):
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


async def files_of(thread: Thread, ids: Sequence[uuid.UUID]) -> list[Item]:
    """Files the taxpayer sent, by name and hash."""
    rows = await thread.session.scalars(
        select(DeferralMaterial)
        .where(DeferralMaterial.conversation_id.in_(ids))
        .order_by(DeferralMaterial.created_at, DeferralMaterial.id)
    )
    return [
        Item(
            each.created_at,
            "纳税人",
            thread.names[each.conversation_id],
            f"上传文件：{mask_identifiers(each.filename)}（SHA-256 {each.sha256}）",
        )
        for each in rows
        if thread.theirs(each.conversation_id, each.created_at)
    ]


async def notes_of(thread: Thread, ids: Sequence[uuid.UUID]) -> list[Item]:
    """What colleagues told each other."""
    rows = await thread.session.scalars(
        select(InternalNote)
        .where(InternalNote.conversation_id.in_(ids))
        .order_by(InternalNote.created_at, InternalNote.id)
    )
    return [
        Item(
            note.created_at,
            thread.colleague(note.staff_id),
            thread.names[note.conversation_id],
            f"内部备注：{mask_identifiers(note.text)}",
        )
        for note in rows
        if thread.theirs(note.conversation_id, note.created_at)
    ]


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
