"""What the taxpayer may have meant, put to them in words to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions.core import Button, Turn

OFFERED = "offered_readings"
"""Slot; an answer like 第二个 is resolved from it by ``bot/components/context.py``."""
LIKELY, PLAUSIBLE = 0.2, 0.1
"""Probability the likeliest reading needs, and every further one, to be worth offering."""
AT_MOST = 2


@dataclass(frozen=True, slots=True)
class Meaning:
    """An intent in words: how it is asked about, what its button shows, and what choosing it says."""

    question: str
    title: str
    says: str


MEANINGS: dict[str, Meaning] = {
    "ask_balance": Meaning("想查欠了多少税", "查欠税", "我欠多少税"),
    "ask_due_date": Meaning("想问最晚哪天缴", "最晚哪天缴", "税款最晚哪天要缴"),
    "ask_late_fee_amount": Meaning("想知道滞纳金有多少", "滞纳金多少", "我的滞纳金是多少"),
    "ask_late_fee_rule": Meaning("想问滞纳金怎么算、能不能免", "滞纳金怎么算", "滞纳金是怎么算的"),
    "dispute_amount": Meaning("觉得这笔税不对", "这笔税不对", "我对这笔税的金额有异议"),
    "claim_already_paid": Meaning("已经缴过了", "已经缴过", "这笔税我已经缴过了"),
    "promise_to_pay": Meaning("打算去缴税", "我打算去缴", "我会去把税缴了"),
    "ask_how_to_pay": Meaning("想问怎么缴税", "怎么缴", "怎么缴税"),
    "cash_difficulty": Meaning("手头紧，一时缴不上", "手头紧", "我现在手头紧，缴不上税"),
    "ask_deferral_eligibility": Meaning("想问能不能延期缴", "能不能延期", "我能不能申请延期缴税"),
    "apply_deferral": Meaning("想申请延期缴纳", "申请延期", "我想申请延期缴纳"),
    "ask_deferral_materials": Meaning("想问办延期要什么材料", "延期要什么材料", "申请延期缴税要准备什么材料"),
    "ask_deferral_status": Meaning("想查延期申请办到哪一步", "延期办到哪了", "我的延期申请办到哪一步了"),
    "withdraw_deferral": Meaning("想撤回交上去的延期申请", "撤回延期申请", "我想撤回延期申请"),
    "ask_penalty": Meaning("想问会不会罚款", "会不会罚款", "不按时缴税会罚款吗"),
    "ask_credit_impact": Meaning("想问影不影响信用", "影不影响信用", "欠税会影响征信吗"),
    "ask_enforcement": Meaning("想问会不会冻结、查封", "会不会冻结", "欠税会冻结账户吗"),
    "ask_appeal": Meaning("想问怎么申请复议", "怎么复议", "不服的话怎么申请行政复议"),
    "ask_policy_other": Meaning("想问别的税务规定", "别的税务规定", "我想问别的税务规定"),
    "verify_self": Meaning("想核实身份", "核实身份", "我要核实身份"),
    "wrong_person": Meaning("说打错了、您不是本人", "打错了", "打错了，我不是本人"),
    "ask_identity_of_bureau": Meaning("想问我们是哪里", "你们是哪里", "你们是哪个单位"),
    "suspect_fraud": Meaning("想核实我们是不是真的", "核实真假", "怎么证明你们是真的税务局"),
    "request_callback": Meaning("想约个时间回电", "约回电", "约个时间给我回个电话"),
    "busy_now": Meaning("现在不方便说", "现在不方便", "我现在不方便说话"),
    "repeat": Meaning("想让我再说一遍", "再说一遍", "请再说一遍"),
    "request_human": Meaning("想找人工", "转人工", "转人工"),
    "complain": Meaning("想投诉", "我要投诉", "我要投诉"),
    "opt_out": Meaning("不想再接到提醒", "别再联系我", "以后不要再给我打电话发信息了"),
    "cancel": Meaning("想先不办了", "先不办了", "先不办了"),
}
"""Intents that can be offered. A yes, a no, a value or a courtesy is nothing to be asked about in this way."""

NEITHER = Button("都不是", "都不是，我换个说法")


def likely(turn: Turn) -> tuple[str, ...]:
    """The likeliest intents that can be put into words, at most :data:`AT_MOST`, likeliest first."""
    found = [(intent, p) for intent, p in turn.ranking if p >= PLAUSIBLE and intent in MEANINGS]
    return tuple(intent for intent, _ in found[:AT_MOST]) if found and found[0][1] >= LIKELY else ()


def question(intents: Sequence[str]) -> str:
    """The question that puts them to the taxpayer: 您是想查欠了多少税，还是想问怎么缴税？"""
    return f"您是{'，还是'.join(MEANINGS[intent].question for intent in intents)}？"


def buttons(intents: Sequence[str]) -> tuple[Button, ...]:
    """One button a reading, and one for neither."""
    offered = tuple(Button(MEANINGS[intent].title, MEANINGS[intent].says) for intent in intents)
    return (*offered, NEITHER)
