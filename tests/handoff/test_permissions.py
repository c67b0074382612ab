"""Who may do what, written out by hand: every role against every action."""

from __future__ import annotations

import pytest

from handoff.permissions import Action, NotAllowed, Role, may, require

pytestmark = pytest.mark.unit

# Columns: agent, officer, supervisor, admin, auditor.
TABLE = {
    "see_queue": "yes yes yes no  no",
    "see_conversation": "yes yes yes no  no",
    "claim": "yes yes yes no  no",
    "talk": "yes yes yes no  no",
    "write_note": "yes yes yes no  no",
    "transfer": "yes yes yes no  no",
    "close": "yes yes yes no  no",
    "hand_back": "yes yes yes no  no",
    "reveal_identity": "yes yes no  no  no",
    "set_presence": "yes yes yes no  no",
    "see_cases": "no  yes yes no  no",
    "decide_deferral": "no  yes no  no  no",
    "settle_case": "no  yes no  no  no",
    "see_floor": "no  no  yes no  no",
    "reassign": "no  no  yes no  no",
    "see_reports": "no  no  yes no  yes",
    "manage_staff": "no  no  no  yes no",
    "manage_office": "no  no  no  yes no",
    "read_audit": "no  no  no  no  yes",
    "export_thread": "no  no  no  no  yes",
    "see_outreach": "no  yes yes no  yes",
    "run_outreach": "no  no  yes no  no",
    "stop_outreach": "no  yes yes yes no",
    "save_template": "no  no  yes no  no",
}
ROLES = ("agent", "officer", "supervisor", "admin", "auditor")
CELLS = [
    (role, action, said == "yes")
    for action, line in TABLE.items()
    for role, said in zip(ROLES, line.split(), strict=True)
]


def test_the_table_names_every_role_and_every_action() -> None:
    assert set(TABLE) == {action.value for action in Action}
    assert set(ROLES) == {role.value for role in Role}


@pytest.mark.parametrize(("role", "action", "allowed"), CELLS, ids=lambda value: str(value))
def test_cell(role: str, action: str, allowed: bool) -> None:
    assert may([role], Action(action)) is allowed
    if allowed:
        require([role], Action(action))
    else:
        with pytest.raises(NotAllowed, match="没有这项权限") as refused:
            require([role], Action(action))
        assert refused.value.action is Action(action)


@pytest.mark.parametrize("action", Action)
def test_no_role_and_an_unknown_role_may_nothing(action: Action) -> None:
    for roles in ([], ["root"], ["AGENT"], [""]):
        assert not may(roles, action)


def test_several_roles_may_what_any_of_them_may() -> None:
    assert may(["agent", "auditor"], Action.READ_AUDIT)
    assert may(["agent", "auditor"], Action.CLAIM)
    assert not may(["agent", "auditor"], Action.MANAGE_STAFF)
