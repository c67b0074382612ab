"""XML of WeChat as a flat table. No document type is taken, so no entity can name a file or swell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

_DEPTH = 8
"""WeChat's own documents are two or three deep."""


class Malformed(ValueError):
    """Not a message that WeChat would send."""


def fields(document: bytes) -> Mapping[str, str]:
    """The elements directly below the root with their text; of several with one name the last. Raises :class:`Malformed`."""
    found: dict[str, str] = {}
    path: list[str] = []
    texts: list[str] = []

    def begin(name: str, _: dict[str, str]) -> None:
        path.append(name)
        texts.clear()
        if len(path) > _DEPTH:
            raise Malformed

    def end(name: str) -> None:
        if len(path) == 2:
            found[name] = "".join(texts)
        path.pop()

    def refuse(*_: Any) -> None:
        raise Malformed

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise Malformed from error
    return found
