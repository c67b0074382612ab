"""Vosk's list of models: which Chinese ones there are, how large, where, and what their archives must hash to.

The list is ``model-list.json``: an array of objects with ``name``, ``url``, ``size`` (bytes of the ZIP), ``md5`` (of the ZIP),
``lang`` (``cn`` for Chinese), ``type`` (``small``, ``big``) and ``obsolete`` (``"true"`` or ``"false"``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

PAGE = "https://alphacephei.com/vosk/models"
"""Vosk's own page of models, on which their licences stand."""
OFFICIAL = f"{PAGE}/model-list.json"
LICENCE = "Apache-2.0"
"""What Vosk's page gives for its Chinese models; the list itself names no licence."""
_LANGUAGES = ("cn", "zh")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MD5 = re.compile(r"[0-9a-f]{32}")


class FetchError(RuntimeError):
    """A model cannot be got; the text (Chinese) says why and what to do."""


class UnreachableError(FetchError):
    """Whoever has it does not answer: a person can carry it here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model on offer; ``size`` in bytes of its ZIP, ``md5`` in lower-case hexadecimal."""

    name: str
    url: str
    size: int
    md5: str
    kind: str
    obsolete: bool


def list_address(source: str) -> str:
    """The list's address: ``source`` itself, or ``model-list.json`` in the folder it names."""
    path = urlsplit(source).path
    return source if path.endswith(".json") else source.rstrip("/") + "/model-list.json"


def read_catalogue(client: httpx.Client, source: str) -> tuple[Entry, ...]:
    """The Chinese models that ``source`` lists, those in use first.

    Raises:
        FetchError: it cannot be reached, or what it answers is no such list.
    """
    try:
        answer = client.get(source, follow_redirects=True)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise FetchError(
            f"{source} 回答 {error.response.status_code}，没有模型清单。请检查 --source。"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise UnreachableError(f"连不上 {source}（{type(error).__name__}）。") from error
    try:
        listed = answer.json()
    except ValueError as error:
        raise FetchError(f"{source} 不是模型清单（不是 JSON）。请检查 --source。") from error
    return parse(listed, source)


def parse(listed: Any, source: str) -> tuple[Entry, ...]:
    """The Chinese entries of a list that lay at ``source``.

    Archives that the list places at Vosk's own host are looked for beside the list when that lies elsewhere, which is how a
    mirror is made: the list and the archives copied into one folder.

    Raises:
        FetchError: it is no list, or a Chinese entry lacks a field or has one that cannot be.
    """
    if not isinstance(listed, list):
        raise FetchError(f"{source} 不是模型清单（应为 JSON 数组）。请检查 --source。")
    entries = [_entry(each, source) for each in listed if isinstance(each, dict) and _chinese(each)]
    if not entries:
        raise FetchError(f"{source} 里没有中文模型。请检查 --source。")
    return tuple(sorted(entries, key=lambda each: (each.obsolete, each.size)))


def choose(entries: Sequence[Entry], wanted: str | None) -> Entry:
    """The model named ``wanted``, or the largest still in use of that kind (``small``, ``big``); by default the small one.

    Raises:
        FetchError: there is none.
    """
    for each in entries:
        if each.name == wanted:
            return each
    kind = wanted or "small"
    of_kind = [each for each in entries if each.kind == kind and not each.obsolete]
    if of_kind:
        return max(of_kind, key=lambda each: each.size)
    raise FetchError(f"清单里没有模型 {kind}。有：{'、'.join(each.name for each in entries)}。")


def _chinese(row: dict[str, Any]) -> bool:
    language = row.get("lang")
    if isinstance(language, str):
        return language.lower().split("-")[0] in _LANGUAGES
    return "-cn-" in str(row.get("name"))


def _entry(row: dict[str, Any], source: str) -> Entry:
    name, address = _text(row, "name", source), _text(row, "url", source)
    md5, size = _text(row, "md5", source).lower(), str(row.get("size", "")).strip()
    if not _NAME.fullmatch(name):
        raise FetchError(f"{source} 里的模型名 {name!r} 不能用作文件夹名。请检查 --source。")
    if not _MD5.fullmatch(md5):
        raise FetchError(f"{source} 里 {name} 的 md5 不是校验值：{md5!r}。请检查 --source。")
    if not size.isdecimal() or int(size) == 0:
        raise FetchError(f"{source} 里 {name} 的 size 不是字节数：{size!r}。请检查 --source。")
    return Entry(
        name=name,
        url=_address(address, source),
        size=int(size),
        md5=md5,
        kind=str(row.get("type") or ("small" if "-small-" in name else "big")),
        obsolete=str(row.get("obsolete", "false")).lower() == "true",
    )


def _text(row: dict[str, Any], field: str, source: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise FetchError(
            f"{source} 里有一个中文模型（{row.get('name', '没有名称')}）缺少 {field}，清单格式可能变了。"
        )
    return value.strip()


def _address(address: str, source: str) -> str:
    official, there = urlsplit(OFFICIAL).hostname, urlsplit(source).hostname
    if urlsplit(address).hostname == official != there:
        address = urlsplit(address).path.rsplit("/", 1)[-1]
    found = urljoin(source, address)
    if urlsplit(found).scheme not in ("https", "http"):
        raise FetchError(f"{source} 里的地址不能下载：{found}。请检查 --source。")
    return found
