"""Why a human is needed, and what follows from it: which skill, how urgent, how the summary names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from handoff.skills import Skill


class Reason(StrEnum):
    """Why a human is needed (the hand-over list of the rules of contact)."""

    ASKED = "asked"
    NOT_UNDERSTOOD = "not_understood"
    UPSET = "upset"
    COMPLAINT = "complaint"
    DISPUTE = "dispute"
    AUTHORITY_FAULT = "authority_fault"
    FEE_REACHES_TAX = "fee_reaches_tax"
    SMALL_AMOUNT = "small_amount"
    SEVERAL_DEBTS = "several_debts"
    OVERDUE_DEFERRAL = "overdue_deferral"
    FORCE_MAJEURE = "force_majeure"
    SOCIAL_INSURANCE = "social_insurance"
    ENFORCEMENT = "enforcement"
    APPEAL = "appeal"
    CRIMINAL = "criminal"
    BANKRUPTCY = "bankruptcy"
    DISTRESS = "distress"
    LOCKED = "locked"
    NO_ARTICLE = "no_article"
    JUDGEMENT = "judgement"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Routing:
    """Which skill takes a reason, how urgent (1 first), and how the summary names it."""

    skill: Skill
    priority: int
    label: str


ROUTES: Mapping[Reason, Routing] = {
    Reason.ASKED: Routing(Skill.GENERAL, 5, "要求人工服务"),
    Reason.NOT_UNDERSTOOD: Routing(Skill.GENERAL, 4, "多次没有听懂"),
    Reason.UPSET: Routing(Skill.GENERAL, 2, "情绪越来越差"),
    Reason.COMPLAINT: Routing(Skill.COMPLAINT, 1, "投诉"),
    Reason.DISPUTE: Routing(Skill.DISPUTE, 3, "对金额或税款有异议"),
    Reason.AUTHORITY_FAULT: Routing(Skill.DISPUTE, 3, "认为责任在税务机关"),
    Reason.FEE_REACHES_TAX: Routing(Skill.POLICY, 4, "滞纳金达到或超过税款"),
    Reason.SMALL_AMOUNT: Routing(Skill.POLICY, 5, "金额不足一元"),
    Reason.SEVERAL_DEBTS: Routing(Skill.POLICY, 4, "多笔欠税的缴纳顺序"),
    Reason.OVERDUE_DEFERRAL: Routing(Skill.DEFERRAL, 3, "已过缴款期限，想延期"),
    Reason.FORCE_MAJEURE: Routing(Skill.DEFERRAL, 3, "因不可抗力申请延期"),
    Reason.SOCIAL_INSURANCE: Routing(Skill.POLICY, 4, "社会保险费问题"),
    Reason.ENFORCEMENT: Routing(Skill.ENFORCEMENT, 3, "涉及已采取的措施"),
    Reason.APPEAL: Routing(Skill.POLICY, 3, "具体案件的复议或诉讼"),
    Reason.CRIMINAL: Routing(Skill.ENFORCEMENT, 3, "涉及刑事责任的问题"),
    Reason.BANKRUPTCY: Routing(Skill.ENFORCEMENT, 3, "涉及破产的税务问题"),
    Reason.DISTRESS: Routing(Skill.HARDSHIP, 1, "处境困难，需要关怀"),
    Reason.LOCKED: Routing(Skill.GENERAL, 3, "身份核验多次未通过"),
    Reason.JUDGEMENT: Routing(Skill.POLICY, 4, "需要人工判断的政策问题"),
    Reason.NO_ARTICLE: Routing(Skill.POLICY, 4, "知识库没有可靠答案"),
    Reason.UNAVAILABLE: Routing(Skill.GENERAL, 2, "系统故障时转来"),
}


def reason_zh(reason: str) -> str:
    """A reason as it is shown; the stored word for one that is no longer known."""
    try:
        return ROUTES[Reason(reason)].label
    except ValueError:
        return reason
