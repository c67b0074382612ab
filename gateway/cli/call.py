"""``shuiling call`` and ``shuiling calls``: place a call, follow it, look at it afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import httpx

_NOT_RUNNING = "税铃没有在运行。请先在另一个终端执行 make serve，看到地址后再试。"
_SPEAKERS = {"bot": "税铃", "caller": "对方", "key": "按键"}
_LOOK_S = 1.0
_LAST_LINES_S = 1.0
"""The transcript's last lines may still be on their way when the call is over."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("call", help="给登记了这个号码的纳税人打提醒电话。")(call)
    group = typer.Typer(no_args_is_help=True)
    group.command("list", help="最近的通话；加上词语就找说过它的通话。")(list_calls)
    group.command("show", help="一通电话的结果和逐句记录。")(show)
    group.command("run", help="按剧本同时打很多通电话，由模拟运营商接听，逐路显示进展。")(run_scripts)
    app.add_typer(group, name="calls", help="看打过的电话。")


Url = Annotated[str | None, typer.Option(help="网关地址，默认取本机设置")]


def call(
    phone: Annotated[str, typer.Argument(help="登记的号码，例如 +8613900001234")],
    carrier: Annotated[str | None, typer.Option(help="线路：browser、standin 或 twilio；默认取设置")] = None,
    url: Url = None,
) -> None:
    """Dial, then follow the call until it is over."""
    with _client(url) as client:
        placed = _asked(client, "POST", "/calls", {"to": phone, "carrier": carrier})
        call_id = placed["id"]
        typer.echo(f"已拨出，编号 {call_id}")
        if carrier == "browser" or (carrier is None and _usual() == "browser"):
            typer.echo(f"请打开 {client.base_url.join('/phone')} 接听。")
        shown: set[tuple[str, int, str]] = set()
        while True:
            sheet = _asked(client, "GET", f"/calls/{call_id}.json")
            _new_lines(sheet, shown)
            if sheet["outcome"] is not None:
                break
            time.sleep(_LOOK_S)
        time.sleep(_LAST_LINES_S)
        _new_lines(_asked(client, "GET", f"/calls/{call_id}.json"), shown)
        typer.echo(f"结果：{sheet['outcome_words']}")


def list_calls(
    words: Annotated[str, typer.Argument(help="说过的词语；不写就列最近的")] = "", url: Url = None
) -> None:
    """One line a call."""
    with _client(url) as client:
        found = _asked(client, "GET", "/calls.json", params={"q": words})
    if not found:
        typer.echo("没有找到通话。" if words else "还没有打过电话。")
    for row in found:
        typer.echo(
            f"{row['began'][:16].replace('T', ' ')}  {row['id']}  {row['phone_mask']}  {row['outcome_words']}"
            + (f"  “{row['found']}”" if row["found"] else "")
        )


def show(call_id: Annotated[str, typer.Argument(help="通话编号")], url: Url = None) -> None:
    """Outcome and transcript."""
    with _client(url) as client:
        sheet = _asked(client, "GET", f"/calls/{call_id}.json")
        problem = sheet["recording_problem"]
        if sheet["recording"]:
            # Whether it was changed shows when it is read whole.
            read = client.get(f"/calls/{call_id}/levels.json")
            problem = problem if read.is_success else read.json().get("detail")
    typer.echo(f"{sheet['began'][:16].replace('T', ' ')}  {sheet['phone_mask']}  线路 {sheet['carrier']}")
    _new_lines(sheet, set())
    note = f"（{sheet['note']}）" if sheet["note"] else ""
    typer.echo(f"结果：{sheet['outcome_words']}{note}")
    if problem:
        typer.echo(f"录音：{problem}")


def run_scripts(
    scripts: Annotated[str, typer.Option(help="剧本所在的文件夹")] = "tests/calls/scripts",
    calls: Annotated[int | None, typer.Option(min=1, help="一共几通；不写则每个剧本每种口音一通")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="同时几通")] = 24,
    only: Annotated[list[str] | None, typer.Option(help="只演这些剧本")] = None,
    out: Annotated[str | None, typer.Option(help="结果写到这个 JSON 文件")] = None,
) -> None:
    """Play the scripts against the running product."""
    from gateway.calls.scripts import play_scripts

    raise typer.Exit(play_scripts(scripts, calls, at_once, tuple(only or ()), out))


def _new_lines(sheet: Mapping[str, Any], shown: set[tuple[str, int, str]]) -> None:
    """Print what has not been printed; a line is stored when it has been said, so an earlier one may come later."""
    for line in sheet["lines"]:
        known = (line["speaker"], line["began_ms"], line["text"])
        if known in shown:
            continue
        shown.add(known)
        cut = "" if line["heard"] is None or line["heard"] >= 1 else "（没有听完）"
        began = line["began_ms"] / 1000
        typer.echo(f"[{began:6.1f} 秒] {_SPEAKERS.get(line['speaker'], '')}：{line['text']}{cut}")


def _client(url: str | None) -> httpx.Client:
    import httpx

    from gateway.rasa_process import loopback
    from gateway.settings import Settings

    settings = Settings()
    token = settings.operator_token.get_secret_value() if settings.operator_token else ""
    return httpx.Client(
        base_url=url or f"http://{loopback(settings.host)}:{settings.port}",
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=30,
        trust_env=False,
    )


def _usual() -> str:
    from gateway.settings import Settings

    return Settings().carrier


def _asked(
    client: httpx.Client, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None
) -> Any:
    import httpx

    try:
        answer = client.request(method, path, json=body, params=params)
    except httpx.HTTPError as error:
        typer.echo(f"✗ {_NOT_RUNNING}", err=True)
        raise typer.Exit(1) from error
    if answer.is_success:
        return answer.json()
    try:
        words = str(answer.json().get("detail") or "")
    except ValueError:
        words = ""
    typer.echo(f"✗ {words or '没有做成：' + str(answer.status_code)}", err=True)
    raise typer.Exit(1)
