"""``shuiling staff``: who may log in to the console. The first admin of an installation is made here."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.cli import load_settings
from handoff.permissions import ROLE_ZH, Role
from handoff.skills import SKILL_ZH, Skill

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from store.handoff_models import Staff

T = TypeVar("T")
_ACTOR = "cli"
_HELP = "工作台的账号：新建、改密码、角色、技能、验证器、停用。"

staff_app = typer.Typer(help=_HELP, no_args_is_help=True)
_ROLES_HELP = "角色：" + "，".join(f"{role.value} {ROLE_ZH[role]}" for role in Role)
_SKILLS_HELP = "技能：" + "，".join(f"{skill.value} {SKILL_ZH[skill]}" for skill in Skill)
Login = Annotated[str, typer.Argument(help="登录名")]


def register(app: typer.Typer) -> None:
    """Add the group ``staff`` to ``app``."""
    app.add_typer(staff_app, name="staff")


@staff_app.command("list", help="列出所有账号。")
def list_staff(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False) -> None:
    """One line an account."""
    from handoff import staff

    found = _in_store(staff.everybody)
    if as_json:
        typer.echo(json.dumps([_described(who) for who in found], ensure_ascii=False, indent=1))
        return
    if not found:
        typer.echo("还没有账号。用 shuiling staff add 登录名 --name 姓名 --role admin 新建第一个管理员。")
    for who in found:
        roles = "、".join(ROLE_ZH[Role(role)] for role in who.roles)
        skills = "、".join(SKILL_ZH[Skill(skill)] for skill in who.skills) or "无"
        notes = ["验证器"] if who.totp_enc is not None else []
        notes += ["已停用"] if who.disabled else []
        typer.echo(
            f"{who.login}  {who.name}  {roles}  技能：{skills}  最多{who.max_load}个会话"
            + (f"  {'、'.join(notes)}" if notes else "")
        )


@staff_app.command("add", help="新建账号。密码在终端里输入，或从标准输入读一行。")
def add(
    login: Login,
    name: Annotated[str, typer.Option(help="姓名，纳税人会看到")],
    role: Annotated[list[Role], typer.Option(help=_ROLES_HELP + "；可以写多个")],
    skill: Annotated[list[Skill] | None, typer.Option(help=_SKILLS_HELP + "；可以写多个")] = None,
    max_load: Annotated[int, typer.Option(min=1, max=50, help="同时最多接待几个会话")] = 4,
) -> None:
    """Exit codes: 0 made, 1 refused."""
    from handoff import staff

    password = _password()

    async def make(session: AsyncSession) -> Staff:
        return await staff.create(
            session,
            login=login,
            name=name,
            password=password,
            roles=role,
            skills=skill or (),
            max_load=max_load,
            actor=_ACTOR,
        )

    typer.echo(f"✓ 已新建 {_in_store(make).login}。")


@staff_app.command("password", help="换密码；这个人的所有登录随即失效，锁定也解除。")
def password(login: Login) -> None:
    """Exit codes: 0 changed, 1 refused."""
    from handoff import staff

    fresh = _password()

    async def put(session: AsyncSession) -> None:
        who = await staff.by_login(session, login)
        await staff.set_password(session, who.id, fresh, actor=_ACTOR)

    _in_store(put)
    typer.echo("✓ 密码已换。")


@staff_app.command("roles", help="把角色换成这些。")
def roles(login: Login, role: Annotated[list[Role], typer.Argument(help=_ROLES_HELP)]) -> None:
    """Exit codes: 0 changed, 1 refused."""
    from handoff import staff

    async def put(session: AsyncSession) -> Staff:
        who = await staff.by_login(session, login)
        return await staff.change(session, who.id, roles=role, actor=_ACTOR)

    typer.echo("✓ 现在的角色：" + "、".join(ROLE_ZH[Role(each)] for each in _in_store(put).roles))


@staff_app.command("skills", help="把技能换成这些；一个也不写就是没有技能，不接待纳税人。")
def skills(
    login: Login, skill: Annotated[list[Skill] | None, typer.Argument(help=_SKILLS_HELP)] = None
) -> None:
    """Exit codes: 0 changed, 1 refused."""
    from handoff import staff

    async def put(session: AsyncSession) -> Staff:
        who = await staff.by_login(session, login)
        return await staff.change(session, who.id, skills=skill or (), actor=_ACTOR)

    typer.echo(
        "✓ 现在的技能：" + ("、".join(SKILL_ZH[Skill(each)] for each in _in_store(put).skills) or "无")
    )


@staff_app.command("totp", help="启用验证器（动态口令），或用 --remove 取消。")
def one_time_codes(
    login: Login, remove: Annotated[bool, typer.Option("--remove", help="取消，只用密码登录")] = False
) -> None:
    """Exit codes: 0 done, 1 refused."""
    import segno

    from handoff import staff, totp
    from store.crypto import FieldCipher

    async def forget(session: AsyncSession) -> None:
        await totp.remove(session, (await staff.by_login(session, login)).id, actor=_ACTOR)

    if remove:
        _in_store(forget)
        typer.echo("✓ 已取消验证器。")
        return

    async def find(session: AsyncSession) -> Staff:
        return await staff.by_login(session, login)

    who = _in_store(find)
    offered = totp.offer(who.login)
    segno.make(offered.uri).terminal(out=sys.stdout, compact=True)
    typer.echo(f"用验证器扫上面的二维码，或手工输入密钥：{offered.secret}")
    code = typer.prompt("验证器上的6位动态口令")
    settings = load_settings()

    async def confirm(session: AsyncSession) -> None:
        cipher = FieldCipher.from_settings(
            settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
        )
        await totp.confirm(session, cipher, who.id, offered.secret, code, actor=_ACTOR)

    _in_store(confirm)
    typer.echo("✓ 已启用，以后登录还要填动态口令。")


@staff_app.command("disable", help="停用账号；登录随即失效，手上的会话回到排队。")
def disable(login: Login) -> None:
    """Exit codes: 0 disabled, 1 refused."""
    from handoff import staff

    async def shut(session: AsyncSession) -> None:
        await staff.disable(session, (await staff.by_login(session, login)).id, actor=_ACTOR)

    _in_store(shut)
    typer.echo("✓ 已停用。")


@staff_app.command("enable", help="重新启用账号，或解除输错密码后的锁定。")
def enable(login: Login) -> None:
    """Exit codes: 0 enabled, 1 refused."""
    from handoff import staff

    async def reopen(session: AsyncSession) -> None:
        await staff.enable(session, (await staff.by_login(session, login)).id, actor=_ACTOR)

    _in_store(reopen)
    typer.echo("✓ 可以登录了。")


def _in_store(work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """What ``work`` returns, committed; what it refuses is said and ends the command with exit code 1."""
    from gateway.cli.database import with_session

    async def run(session: AsyncSession) -> T:
        done = await work(session)
        await session.commit()
        return done

    return with_session(load_settings(), run)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("密码", hide_input=True, confirmation_prompt="再输一次")
    return typed


def _described(who: Staff) -> dict[str, object]:
    return {
        "login": who.login,
        "name": who.name,
        "roles": who.roles,
        "skills": who.skills,
        "max_load": who.max_load,
        "totp": who.totp_enc is not None,
        "disabled": who.disabled,
    }
