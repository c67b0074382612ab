"""What members of staff can be good at, and what a conversation may need."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Skill(StrEnum):
    """The fields of work a ticket is routed by."""

    GENERAL = "general"
    POLICY = "policy"
    DISPUTE = "dispute"
    DEFERRAL = "deferral"
    COMPLAINT = "complaint"
    ENFORCEMENT = "enforcement"
    HARDSHIP = "hardship"


SKILL_ZH: Mapping[Skill, str] = {
    Skill.GENERAL: "综合",
    Skill.POLICY: "政策",
    Skill.DISPUTE: "异议",
    Skill.DEFERRAL: "延期",
    Skill.COMPLAINT: "投诉",
    Skill.ENFORCEMENT: "强制措施",
    Skill.HARDSHIP: "困难关怀",
}


def skill_zh(skill: str) -> str:
    """A skill as it is shown; the stored word for one that is no longer known."""
    try:
        return SKILL_ZH[Skill(skill)]
    except ValueError:
        return skill
