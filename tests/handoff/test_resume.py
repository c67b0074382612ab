"""Where the bot can go on: every point is something the dialogue knows and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from handoff.resume import POINTS, Point, point

pytestmark = pytest.mark.unit


def _answered() -> set[str]:
    found: set[str] = set()
    for path in Path("nlu_data/rules").glob("*.yml"):
        rules: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["rules"]
        found |= {str(step["intent"]) for rule in rules for step in rule["steps"] if "intent" in step}
    return found


@pytest.mark.parametrize("resumed", POINTS, ids=lambda p: p.key)
def test_the_dialogue_knows_every_point_and_answers_it(resumed: Point) -> None:
    known = yaml.safe_load(Path("domain.yml").read_text(encoding="utf-8"))["intents"]
    intent = resumed.command.removeprefix("/")
    assert resumed.command == f"/{intent}"
    assert intent in known and intent in _answered()


def test_agents_tell_the_points_apart_and_none_else_is_taken() -> None:
    assert len({p.key for p in POINTS}) == len({p.label for p in POINTS}) == len(POINTS)
    assert [point(p.key) for p in POINTS] == list(POINTS)
    with pytest.raises(KeyError):
        point("restart")
