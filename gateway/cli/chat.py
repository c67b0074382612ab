"""``shuiling chat``: talk to the running bot in a terminal."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from gateway.rasa_process import loopback
from gateway.settings import Settings

_NOT_RUNNING = "税铃没有在运行。请先在另一个终端执行 make serve，看到地址后再试。"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chat", help="在终端里和正在运行的税铃对话。")(chat)


def chat(
    sender: Annotated[str | None, typer.Option(help="会话名；同一个名字可以接着上次说")] = None,
    url: Annotated[str | None, typer.Option(help="网关地址，默认取本机设置")] = None,
) -> None:
    """Read lines, print answers; a number picks a quick reply; Ctrl-D or 退出 ends."""
    settings = Settings()
    base = url or f"http://{loopback(settings.host)}:{settings.port}"
    headers = (
        {"Authorization": f"Bearer {settings.rest_token.get_secret_value()}"} if settings.rest_token else {}
    )
    who = sender or f"terminal-{uuid.uuid4()}"
    console = Console()
    console.print("[dim]和税铃对话，输入“退出”结束。数字可以点选快捷回复。[/dim]")
    buttons: list[dict[str, str]] = []
    with httpx.Client(base_url=base, headers=headers, timeout=90) as client:
        while True:
            try:
                line = console.input("[bold green]您：[/bold green]").strip()
            except (EOFError, KeyboardInterrupt):
                console.print()
                return
            if line in ("退出", "exit", "quit"):
                return
            if not line:
                continue
            if line.isdigit() and 1 <= int(line) <= len(buttons):
                line = buttons[int(line) - 1]["payload"]
            buttons = _exchange(client, console, who, line)


def _exchange(client: httpx.Client, console: Console, who: str, line: str) -> list[dict[str, str]]:
    try:
        response = client.post("/webhooks/rest/webhook", json={"sender": who, "message": line})
    except httpx.HTTPError as error:
        console.print(f"[red]{_NOT_RUNNING}[/red]")
        raise typer.Exit(1) from error
    if response.status_code != httpx.codes.OK:
        detail = response.json().get("detail") if "json" in response.headers.get("content-type", "") else ""
        console.print(f"[red]{detail or _NOT_RUNNING}[/red]")
        return []
    buttons: list[dict[str, str]] = []
    for message in response.json():
        console.print("[bold]税铃：[/bold]", end="")
        console.print(message.get("text", ""), markup=False, highlight=False)
        for part in _parts(message.get("custom")):
            _show(console, part)
        buttons = message.get("buttons") or []
    for number, button in enumerate(buttons, 1):
        console.print(f"  [cyan]{number}[/cyan] {button['title']}", highlight=False)
    return buttons


def _parts(custom: Any) -> list[dict[str, Any]]:
    if not isinstance(custom, dict):
        return []
    return list(custom.get("items") or []) if custom.get("kind") == "group" else [custom]


def _show(console: Console, part: dict[str, Any]) -> None:
    if part.get("kind") == "late_fee_table":
        table = Table(*part["columns"], title=part["title"], caption=part["total"])
        for row in part["rows"]:
            table.add_row(*row)
        console.print(table)
    elif part.get("kind") == "citations" and part.get("items"):
        console.print(f"[dim]依据：{'、'.join(part['items'])}[/dim]", highlight=False)
    elif part.get("kind") == "links":
        for link in part["links"]:
            console.print(f"[dim]{link['title']}：{link['href']}[/dim]", highlight=False)
    elif part.get("kind") == "upload":
        console.print("[dim]（终端里不能传文件，请用网页）[/dim]", highlight=False)
