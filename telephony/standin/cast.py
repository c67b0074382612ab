"""Who can be called: a JSON file of people, made by whoever knows the taxpayers.

::

    [{"key": "overdue_company", "taxpayer": "…", "to": "+8619900000003",
      "fields": {"last4": "3184", "contact": "顾明远", "name": "上海云栖信息技术有限公司"}}]

``key`` is what a script's ``who`` names; ``taxpayer`` is how the gateway knows them. ``script``, if given, names the usual
script that they pick up with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class CastError(ValueError):
    """A list of people that is not well-formed; the text says where, in Chinese."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a phone; ``like`` is the key of a person in whose place they may be called."""

    key: str
    taxpayer: str
    to: str
    fields: Mapping[str, str]
    script: str | None = None
    like: str | None = None


def load(file: Path) -> tuple[Member, ...]:
    """The people of a file.

    Raises:
        CastError: no JSON, or an entry lacks something.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CastError(f"{file}：读不出人员名单（JSON）：{error}") from error
    if not isinstance(data, list):
        raise CastError(f"{file}：最外层要是列表")
    return tuple(_member(entry, f"{file} 第 {number} 人") for number, entry in enumerate(data, 1))


def _member(entry: Any, where: str) -> Member:
    if not isinstance(entry, dict):
        raise CastError(f"{where}：要写成对象")
    for name in ("key", "taxpayer", "to"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise CastError(f"{where}：缺少 {name}")
    fields = entry.get("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise CastError(f"{where}：fields 的值都要是文字")
    script, like = entry.get("script"), entry.get("like")
    if not isinstance(script, str | None):
        raise CastError(f"{where}：script 要是剧本的名称")
    if not isinstance(like, str | None):
        raise CastError(f"{where}：like 要是另一人的 key")
    return Member(entry["key"], entry["taxpayer"], entry["to"], fields, script, like)


class Booking:
    """Lends each person to one call at a time: a person has one phone."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._free = list(members)
        self._keys = {member.key for member in members}

    def check(self, who: Sequence[str]) -> None:
        """Whether anybody of these keys exists (anybody at all if there are none).

        Raises:
            CastError: nobody.
        """
        if not self._keys or (who and not self._keys.intersection(who)):
            raise CastError(f"人员名单里没有：{'、'.join(who) or '任何人'}")

    def take(self, who: Sequence[str]) -> Member | None:
        """Somebody of these keys who is free, else one like them; anybody from the list's end if there are no keys; None while
        all are busy."""
        if who:
            fits = [one for one in self._free if one.key in who] or [
                one for one in self._free if one.like in who
            ]
            member = fits[0] if fits else None
        else:
            member = self._free[-1] if self._free else None
        if member is not None:
            self._free.remove(member)
        return member

    def give_back(self, member: Member) -> None:
        """They have hung up, and may be called again."""
        self._free.insert(0, member)
