"""Reading the number somebody identifies themselves with, and starting the verification it asks for."""

from __future__ import annotations

import re

from sqlalchemy import select

from actions.core import Bubble, Button, Context
from actions.forms import Filled, Reading, Stop, Wrong
from store import audit
from store.identity import MAX_MISSES, StartOutcome, start
from store.models import Secret
from tax.identifiers import classify

LOCKED = (
    f"验证码已经连续{MAX_MISSES}次不对，为了保护您的信息，这次对话先停止核验，过半小时可以再试。"
    "需要的话可以转人工，或者带证件到办税服务厅。"
)
HUMAN = (Button("转人工", "转人工"), Button("先不办了", "取消办理"))
_VERIFIES = ("uscc", "resident_id", "mobile")


async def typed_identifier(ctx: Context) -> tuple[str, str] | None:
    """The number just typed, as ``(placeholder, value)``; numbers reach the dialogue only behind placeholders."""
    refs = [str(e.value) for e in ctx.turn.all("identity_ref")]
    if not refs:
        return None
    secret = await ctx.session.scalar(
        select(Secret).where(
            Secret.conversation_id == ctx.turn.conversation_id, Secret.placeholder == refs[-1]
        )
    )
    if secret is None:
        return None
    return secret.placeholder, ctx.services.cipher.decrypt(secret.value_enc, "secret.value")


async def identify(ctx: Context) -> Reading:
    """Check the number and send a code to whoever is registered under it; the words are the same if nobody is."""
    typed = await typed_identifier(ctx)
    if typed is None:
        if len(re.findall(r"\d", ctx.turn.text)) >= 6:
            return Wrong(
                "这个号码的位数不对。统一社会信用代码和身份证号是18位，手机号是11位，请您对一下再发。"
            )
        return None
    placeholder, value = typed
    known = classify(value, ctx.today)
    if known is None:
        return Wrong("这个号码好像有一位不对，请您对一下再发给我。")
    if str(known.kind) not in _VERIFIES:
        return Wrong("请用统一社会信用代码、身份证号或者登记的手机号来核实。")
    outcome = await start(
        ctx.session,
        ctx.services.cipher,
        conversation_id=ctx.turn.conversation_id,
        kind=str(known.kind),
        value=known.value,
        now=ctx.now,
        code_life=ctx.services.code_life,
    )
    if outcome is not StartOutcome.SENT:
        return stopped(outcome)
    await audit.record(
        ctx.session,
        actor="taxpayer",
        action="verification.started",
        subject=f"conversation:{ctx.turn.conversation_id}",
        detail={"by": str(known.kind)},
    )
    minutes = int(ctx.services.code_life.total_seconds() // 60)
    told = Bubble(
        f"收到。如果这个号码在我们这里有登记，6位验证码已经发到登记的手机上，{minutes}分钟内有效。"
        "这个码只在这里填，别告诉打电话来的人。"
    )
    return Filled({"verify_identifier": placeholder}, (told,))


def stopped(outcome: StartOutcome) -> Stop:
    """Why no code is sent."""
    if outcome is StartOutcome.LOCKED:
        return Stop((Bubble(LOCKED, HUMAN),))
    words = "验证码要得太频繁了，请过一小时再试。急的话可以转人工，或者带证件到办税服务厅。"
    return Stop((Bubble(words, HUMAN),))
