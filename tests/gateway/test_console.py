"""The console's doors: who gets in, to which pages, and what a stranger gets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import httpx
import pytest

from handoff import sessions as staff_sessions
from handoff import staff as accounts
from handoff.permissions import Role
from store.engine import SessionFactory
from store.models import Conversation, DeferralMaterial
from tests.chat.database import opened
from tests.gateway.conftest import Client, Gateway

pytestmark = pytest.mark.unit

PASSWORD = "long-enough-for-a-test"
PAGES = {
    "/console/": {Role.AGENT, Role.OFFICER, Role.SUPERVISOR},
    "/console/work": {Role.OFFICER, Role.SUPERVISOR},
    "/console/floor": {Role.SUPERVISOR},
    "/console/reports": {Role.SUPERVISOR, Role.AUDITOR},
    "/console/admin": {Role.ADMIN},
    "/console/audit": {Role.AUDITOR},
    "/console/account": set(Role),
    "/console/outreach": {Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN},
    "/console/outreach/templates": {Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR},
    "/console/outreach/new": {Role.SUPERVISOR},
}
OF_ONE = {
    "/console/outreach/campaign/{id}": {Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR},
    "/console/outreach/campaign/{id}/plan": {Role.SUPERVISOR},
    "/console/outreach/reminder/{id}": {Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR},
}
"""Pages about one thing."""
COOKIE = "shuiling_console"


@pytest.fixture(scope="module")
def console(gateway: Gateway) -> Client:
    """The one gateway of this process that has a console: its toolkit knows one application only."""
    return gateway(console=True)


@pytest.fixture(scope="module")
def tokens(seeded_url: str) -> dict[Role, str]:
    """A login of each role."""

    async def make() -> dict[Role, str]:
        found = {}
        async with opened(seeded_url) as sessions, sessions() as session, session.begin():
            for role in Role:
                who = await accounts.create(
                    session,
                    login=f"test-{role.value}",
                    name=f"测试{role.value}",
                    password=PASSWORD,
                    roles=[role.value],
                    skills=[],
                    actor="system",
                )
                found[role] = await staff_sessions.begin(session, who.id)
        return found

    return asyncio.run(make())


@pytest.fixture
def stranger(console: Client) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=console.base_url, timeout=30, trust_env=False) as client:
        yield client


def visit(client: httpx.Client, path: str, token: str | None) -> httpx.Response:
    headers = {"Cookie": f"{COOKIE}={token}"} if token is not None else {}
    return client.get(path, headers=headers)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", list(Role))
def test_every_page_for_every_role(
    stranger: httpx.Client, tokens: dict[Role, str], path: str, role: Role
) -> None:
    answer = visit(stranger, path, tokens[role])
    if role in PAGES[path]:
        assert answer.status_code == 200
        assert "税铃工作台" in answer.text
    elif path == "/console/":
        assert answer.status_code == 303, "led to the first page they may see"
        assert answer.headers["location"] in PAGES
    else:
        assert answer.status_code == 403
        assert "权限" in answer.text


@pytest.mark.parametrize("path", OF_ONE)
@pytest.mark.parametrize("role", list(Role))
def test_pages_about_what_does_not_exist_refuse_first(
    stranger: httpx.Client, tokens: dict[Role, str], path: str, role: Role
) -> None:
    answer = visit(stranger, path.format(id=uuid.uuid4()), tokens[role])
    assert answer.status_code == (404 if role in OF_ONE[path] else 403)


@pytest.mark.parametrize("path", [*PAGES, *(path.format(id=uuid.UUID(int=1)) for path in OF_ONE)])
@pytest.mark.parametrize("token", [None, "", "forged", "a" * 43, "ü"])
def test_whoever_is_not_logged_in_is_led_to_the_login(
    stranger: httpx.Client, path: str, token: str | None
) -> None:
    answer = stranger.get(path, headers=[(b"Cookie", f"{COOKIE}={token}".encode())] if token else [])
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")


def test_logging_in_and_out(stranger: httpx.Client, tokens: dict[Role, str]) -> None:
    wrong = stranger.post("/console/login", data={"login": "test-agent", "password": "wrong-wrong-wrong"})
    assert wrong.status_code == 403 and COOKIE not in wrong.headers.get("set-cookie", "")
    entered = stranger.post("/console/login", data={"login": "test-agent", "password": PASSWORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/console/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/console" in cookie
    token = entered.cookies[COOKIE]
    assert visit(stranger, "/console/", token).status_code == 200
    assert stranger.post("/console/logout", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 303
    assert visit(stranger, "/console/", token).status_code == 303


def test_what_was_typed_as_a_login_is_no_markup(stranger: httpx.Client, tokens: dict[Role, str]) -> None:
    said = '"><script>alert(1)</script>'
    answer = stranger.post("/console/login", data={"login": said, "password": "x"})
    assert answer.status_code == 403
    assert "<script>" not in answer.text and "&lt;script&gt;" in answer.text


def test_no_other_site_can_frame_it(stranger: httpx.Client, tokens: dict[Role, str]) -> None:
    for path, token in (("/console/login", None), ("/console/", tokens[Role.AGENT])):
        answer = visit(stranger, path, token)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"].startswith("no-store")


async def test_files_are_for_those_who_may_see_conversations(
    stranger: httpx.Client, tokens: dict[Role, str], sessions: SessionFactory
) -> None:
    material = DeferralMaterial(
        id=uuid.uuid4(),
        conversation_id=uuid.uuid4(),
        filename="资产负债表.pdf",
        content_type="application/pdf",
        size=4,
        sha256="0" * 64,
    )
    async with sessions() as session, session.begin():
        session.add(Conversation(id=material.conversation_id, channel="web"))
        await session.flush()
        session.add(material)
    path = f"/console/files/{material.id}"
    assert visit(stranger, path, None).status_code == 401
    assert visit(stranger, path, tokens[Role.ADMIN]).status_code == 403
    missing = visit(stranger, path, tokens[Role.OFFICER])
    assert missing.status_code == 404 and "重传" in missing.json()["detail"]
