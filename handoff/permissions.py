"""Who may do what: one table of roles and actions, asked by every page and every action on the server."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here for; one person may have several."""

    AGENT = "agent"
    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    AUDITOR = "auditor"


ROLE_ZH: Mapping[Role, str] = {
    Role.AGENT: "坐席",
    Role.OFFICER: "税务人员",
    Role.SUPERVISOR: "主管",
    Role.ADMIN: "管理员",
    Role.AUDITOR: "审计员",
}


class Action(StrEnum):
    """What can be done in the console."""

    SEE_QUEUE = "see_queue"
    SEE_CONVERSATION = "see_conversation"
    CLAIM = "claim"
    TALK = "talk"
    WRITE_NOTE = "write_note"
    TRANSFER = "transfer"
    CLOSE = "close"
    HAND_BACK = "hand_back"
    REVEAL_IDENTITY = "reveal_identity"
    SET_PRESENCE = "set_presence"
    SEE_CASES = "see_cases"
    DECIDE_DEFERRAL = "decide_deferral"
    SETTLE_CASE = "settle_case"
    SEE_FLOOR = "see_floor"
    REASSIGN = "reassign"
    SEE_REPORTS = "see_reports"
    MANAGE_STAFF = "manage_staff"
    MANAGE_OFFICE = "manage_office"
    READ_AUDIT = "read_audit"
    EXPORT_THREAD = "export_thread"
    SEE_OUTREACH = "see_outreach"
    RUN_OUTREACH = "run_outreach"
    STOP_OUTREACH = "stop_outreach"
    SAVE_TEMPLATE = "save_template"


_AGENT, _OFFICER, _SUPERVISOR, _ADMIN, _AUDITOR = Role

ALLOWED: Mapping[Action, frozenset[Role]] = {
    Action.SEE_QUEUE: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.SEE_CONVERSATION: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.CLAIM: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.TALK: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.WRITE_NOTE: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.TRANSFER: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.CLOSE: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.HAND_BACK: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.REVEAL_IDENTITY: frozenset({_AGENT, _OFFICER}),
    Action.SET_PRESENCE: frozenset({_AGENT, _OFFICER, _SUPERVISOR}),
    Action.SEE_CASES: frozenset({_OFFICER, _SUPERVISOR}),
    Action.DECIDE_DEFERRAL: frozenset({_OFFICER}),
    Action.SETTLE_CASE: frozenset({_OFFICER}),
    Action.SEE_FLOOR: frozenset({_SUPERVISOR}),
    Action.REASSIGN: frozenset({_SUPERVISOR}),
    Action.SEE_REPORTS: frozenset({_SUPERVISOR, _AUDITOR}),
    Action.MANAGE_STAFF: frozenset({_ADMIN}),
    Action.MANAGE_OFFICE: frozenset({_ADMIN}),
    Action.READ_AUDIT: frozenset({_AUDITOR}),
    Action.EXPORT_THREAD: frozenset({_AUDITOR}),
    Action.SEE_OUTREACH: frozenset({_OFFICER, _SUPERVISOR, _AUDITOR}),
    Action.RUN_OUTREACH: frozenset({_SUPERVISOR}),
    Action.STOP_OUTREACH: frozenset({_OFFICER, _SUPERVISOR, _ADMIN}),
    Action.SAVE_TEMPLATE: frozenset({_SUPERVISOR}),
}


class NotAllowed(PermissionError):
    """Somebody tried what none of their roles may do; the words are for them."""

    def __init__(self, action: Action) -> None:
        super().__init__("您的角色没有这项权限。")
        self.action = action


def may(roles: Collection[str], action: Action) -> bool:
    """Whether one of ``roles`` may do ``action``."""
    return any(role in ALLOWED[action] for role in roles)


def require(roles: Collection[str], action: Action) -> None:
    """Let pass who may do ``action``. Raises :class:`NotAllowed`."""
    if not may(roles, action):
        raise NotAllowed(action)
