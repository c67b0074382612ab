"""``python -m telephony.standin``: the stand-in carrier as a process of its own, on the loopback only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvicorn

from telephony.standin import cast as casting
from telephony.standin.app import create_app
from telephony.standin.exchange import Exchange, Rules
from telephony.standin.faults import FaultError, Faults, parse
from telephony.standin.instructions import Setting
from telephony.standin.loader import load_folder
from telephony.standin.script import FillError, Script
from telephony.standin.signing import Signer
from telephony.standin.speech import Studio
from telephony.standin.yaml_reader import ScriptError
from telephony.voice.speaker import open_speaker
from telephony.voice.voices import BY_NAME

_USUAL = Path(__file__).with_name("usual")
_FIRST = "pays"


def faults_from(words: list[str]) -> Faults:
    """``name=value`` words.

    Raises:
        typer.BadParameter: an unknown fault or value.
    """
    try:
        return parse(dict(word.partition("=")[::2] for word in words))
    except FaultError as error:
        raise typer.BadParameter(str(error)) from error


def main(
    callback_origin: Annotated[str, typer.Option(help="网关实际监听的地址，例如 http://127.0.0.1:8000")],
    account_sid: Annotated[str, typer.Option(envvar="SHUILING_STANDIN_SID", help="账号，AC 开头")],
    auth_token: Annotated[str, typer.Option(envvar="SHUILING_STANDIN_TOKEN", help="令牌，也用来签名")],
    port: Annotated[int, typer.Option(help="监听端口")] = 8005,
    cast: Annotated[Path | None, typer.Option(help="人员名单（JSON）：没有指定剧本时谁会接电话")] = None,
    usual: Annotated[
        Path, typer.Option(help="没有指定剧本时，名单里的人按这个文件夹里的剧本接电话")
    ] = _USUAL,
    cache: Annotated[Path | None, typer.Option(help="合成好的声音存在这个文件夹")] = None,
    calls_per_second: Annotated[float, typer.Option(min=0.1, max=100, help="每秒拨出几通")] = 1.0,
    fault: Annotated[list[str] | None, typer.Option(help="故障，例如 jitter_ms=80，可重复")] = None,
) -> None:
    """模拟运营商：接口和信令与 Twilio 一致，电话那头是按剧本说话的人。"""
    if not callback_origin.startswith(("http://", "https://")):
        raise typer.BadParameter("callback-origin 要以 http:// 或 https:// 开头")
    try:
        members = casting.load(cast) if cast else ()
        scripts = _usual_scripts(usual)
        for member in members:
            if member.script is not None and member.script not in scripts:
                raise casting.CastError(f"{usual} 里没有剧本 {member.script}")
            for script in scripts.values():
                script.filled(member.fields)
    except (casting.CastError, ScriptError, FillError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    disturbed = faults_from(fault or [])
    rules = Rules(account_sid, auth_token, calls_per_second)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Exchange]:
        speaker = open_speaker(None)
        await speaker.start()
        version = "-".join(sorted({kind.version for kind in BY_NAME.values()}))
        studio = Studio(speaker, cache, version)
        async with httpx.AsyncClient(trust_env=False) as client:
            setting = Setting(client, Signer(auth_token, callback_origin), studio)
            exchange = Exchange(rules, setting, cast=members, usual=scripts, faults=disturbed)
            try:
                yield exchange
            finally:
                await exchange.close()
                await speaker.close()

    uvicorn.run(create_app(opening), host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _usual_scripts(folder: Path) -> dict[str, Script]:
    """The scripts of a folder by name, the one for whoever names none first."""
    found = sorted(load_folder(folder), key=lambda script: script.name != _FIRST)
    return {script.name: script for script in found}


if __name__ == "__main__":
    typer.run(main)
