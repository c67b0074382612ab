"""Typed reading of YAML nodes that remembers where each value stands. Values are taken as written: ``0123`` stays that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import yaml

from telephony.standin.faults import FaultError, Faults, parse

KEYS = re.compile(r"(?:[0-9*#]|\{\w+(?::\w+)?\})+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)")
_C = TypeVar("_C", bound=str)


class ScriptError(ValueError):
    """A script that is not well-formed; names the file and the line, in Chinese."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A node of a file, and what it is taken for."""

    node: yaml.Node
    where: str

    def wrong(self, reason: str) -> ScriptError:
        """The error to raise about this node."""
        return ScriptError(f"{self.where}:{self.node.start_mark.line + 1}：{reason}")

    def is_mapping(self) -> bool:
        """Whether keys follow."""
        return isinstance(self.node, yaml.MappingNode)

    def mapping(self, known: Sequence[str]) -> dict[str, Reader]:
        """The values by their keys, which must be among ``known``."""
        found = self.pairs()
        for key, reader in found.items():
            if key not in known:
                raise reader.wrong(f"不认识“{key}”；可用：{'、'.join(known)}")
        return found

    def items(self) -> list[Reader]:
        """The items of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("这里要写成列表")
        return [Reader(node, self.where) for node in self.node.value]

    def verb(self) -> tuple[str, dict[str, Reader]]:
        """A step: a word, or keys of which the first is the verb."""
        if isinstance(self.node, yaml.ScalarNode):
            return self.node.value, {self.node.value: self}
        keys = self.pairs()
        if not keys:
            raise self.wrong("这一步是空的")
        return next(iter(keys)), keys

    def text(self, *, empty: bool = False) -> str:
        """Words."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("这里要写一段文字")
        if not self.node.value.strip() and not empty:
            raise self.wrong("这里不能是空的")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """One word, or a list of words."""
        if isinstance(self.node, yaml.SequenceNode):
            return tuple(item.text() for item in self.items())
        return (self.text(),)

    def choice(self, choices: Iterable[_C]) -> _C:
        """One of these words."""
        text, options = self.text(), tuple(choices)
        for option in options:
            if option == text:
                return option
        raise self.wrong(f"“{text}”不行；可用：{'、'.join(options)}")

    def number(self, low: float, high: float) -> float:
        """A number within these bounds."""
        try:
            value = float(self.text())
        except ValueError:
            raise self.wrong(f"“{self.text()}”不是数字") from None
        if not low <= value <= high:
            raise self.wrong(f"要在 {low:g} 到 {high:g} 之间")
        return value

    def flag(self) -> bool:
        """``true`` or ``false``."""
        return self.choice(("true", "false")) == "true"

    def duration(self) -> int:
        """``800ms`` or ``1.5s``, in milliseconds."""
        match = _DURATION.fullmatch(self.text().strip())
        if match is None:
            raise self.wrong(f"“{self.text()}”不是时长，要写成 800ms 或 1.5s")
        return round(float(match[1]) * (1000 if match[2] == "s" else 1))

    def pairs(self) -> dict[str, Reader]:
        """The values by their keys, whatever these are."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("这里要写成“键: 值”")
        found: dict[str, Reader] = {}
        for key, value in self.node.value:
            name = Reader(key, self.where).text()
            if name in found:
                raise Reader(key, self.where).wrong(f"“{name}”写了两次")
            found[name] = Reader(value, self.where)
        return found


def only(keys: dict[str, Reader], known: Sequence[str]) -> None:
    """Refuse keys that a step does not have."""
    for key, reader in keys.items():
        if key not in known:
            raise reader.wrong(f"这一步没有“{key}”；可用：{'、'.join(known)}")


def faults(reader: Reader) -> Faults:
    """The faults of a script."""
    found = reader.pairs()
    try:
        return parse({name: value.text() for name, value in found.items()})
    except FaultError as error:
        raise reader.wrong(str(error)) from error
