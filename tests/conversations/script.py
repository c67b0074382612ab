"""The scripts: what a taxpayer says, what must be answered, what must then stand in the database.

A file is a list of scripts::

    - name: unique, says what is shown
      cast: {me: overdue_company, other: not_due}     # who plays: a persona's key, or a situation (cast.py)
      steps:
        - say: 我欠多少税                               # or CODE, WRONG_CODE, OLD_CODE, "CODE other"
          expect: {has: [核实, [任一, 都行]], lacks: [元], buttons: [转人工], custom: upload, bubbles: 2}
        - press: 转人工                                 # a button of the last answer, by its title
        - verify: me                                   # identifier, then the code; asserts the success
        - arrange: {code_expired: me}                  # what time would do
        - download: {pdf: true}                        # the link of the last answer
        - db: {ticket: {reason: asked}}                # checks.py
        - new_conversation: true                       # somebody else, another sender

``{me.identifier}`` and the like are filled in from the cast, see :meth:`cast.Player.fill`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
ACTIONS = ("say", "press", "verify", "arrange", "download", "db", "new_conversation")
EXPECTATIONS = {
    "has", "lacks", "buttons", "no_buttons", "custom", "cells", "bubbles", "silent", "queue", "amounts", "save",
    "equals",
}  # fmt: skip


class ScriptError(ValueError):
    """A script that is not well-formed; names the file and the script."""


@dataclass(frozen=True, slots=True)
class Expect:
    """What one answer must be. ``has``: each item, or one of each inner list; ``lacks``: none of these."""

    has: tuple[str | tuple[str, ...], ...] = ()
    lacks: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    no_buttons: tuple[str, ...] = ()
    custom: str | None = None
    cells: tuple[str, ...] = ()
    bubbles: int | None = None
    silent: bool = False
    queue: str | None = None
    """``full``: the ticket's number, its true place and the true office hours must be told; ``place``: only the first two."""
    amounts: str | None = None
    """``example``: amounts may be said although nobody is verified, because the taxpayer gave the numbers."""
    save: str | None = None
    equals: str | None = None
    """The same words as the answer saved under this name."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done; ``what`` is one of :data:`ACTIONS`."""

    what: str
    value: Any
    expect: Expect


@dataclass(frozen=True, slots=True)
class Script:
    """One conversation, sometimes two."""

    file: str
    name: str
    cast: Mapping[str, str]
    steps: tuple[Step, ...] = field(default=())

    @property
    def id(self) -> str:
        """Name of its test."""
        return f"{self.file}:{self.name}"


def load_all(folder: Path = FOLDER) -> list[Script]:
    """Every script of every ``*.yml``, in order of file name.

    Raises:
        ScriptError: one is not well-formed, or two share a name.
    """
    scripts = [script for path in sorted(folder.glob("*.yml")) for script in load(path)]
    names = [s.id for s in scripts]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise ScriptError(f"two scripts of one name: {', '.join(sorted(twice))}")
    return scripts


def load(path: Path) -> list[Script]:
    """The scripts of one file."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(listed, list):
        raise ScriptError(f"{path.name}: a list of scripts is wanted")
    return [_script(path.stem, raw) for raw in listed]


def _script(file: str, raw: Any) -> Script:
    if not isinstance(raw, dict) or set(raw) - {"name", "cast", "steps"} or not raw.get("steps"):
        raise ScriptError(f"{file}: a script has name, cast and steps, not {raw!r:.120}")
    where = f"{file}:{raw['name']}"
    return Script(
        file, str(raw["name"]), dict(raw.get("cast") or {}), tuple(_step(where, s) for s in raw["steps"])
    )


def _step(where: str, raw: Any) -> Step:
    found = [a for a in ACTIONS if isinstance(raw, dict) and a in raw]
    if len(found) != 1 or set(raw) - {found[0], "expect"}:
        raise ScriptError(f"{where}: a step is one of {', '.join(ACTIONS)}, not {raw!r:.120}")
    expect = raw.get("expect") or {}
    unknown = set(expect) - EXPECTATIONS
    if unknown:
        raise ScriptError(f"{where}: unknown expectation {', '.join(sorted(unknown))}")
    return Step(
        found[0],
        raw[found[0]],
        Expect(
            has=tuple(tuple(h) if isinstance(h, list) else str(h) for h in expect.get("has", ())),
            lacks=tuple(str(w) for w in expect.get("lacks", ())),
            buttons=tuple(str(b) for b in expect.get("buttons", ())),
            no_buttons=tuple(str(b) for b in expect.get("no_buttons", ())),
            custom=expect.get("custom"),
            cells=tuple(str(c) for c in expect.get("cells", ())),
            bubbles=expect.get("bubbles"),
            silent=bool(expect.get("silent", False)),
            queue={True: "full", False: None}.get(expect.get("queue", False), expect.get("queue")),
            amounts=expect.get("amounts"),
            save=expect.get("save"),
            equals=expect.get("equals"),
        ),
    )
