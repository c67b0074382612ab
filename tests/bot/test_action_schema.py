"""In Rasa's own environment: answers of actions are accepted and refused as Rasa itself would."""

from __future__ import annotations

import pytest

from tests.support.rasa import in_rasa

pytestmark = pytest.mark.model

SCRIPT = """
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from bot.action_schema import compile_once

def accepted(answer):
    try:
        return RemoteAction("action_x", None)._validate_action_result(answer)
    except ValidationError:
        return False

answers = [
    {"events": [], "responses": []},
    {"events": [{"event": "slot", "name": "a", "value": 1, "timestamp": None}], "responses": [{"text": "x"}]},
    {"events": [{"event": "action", "name": "action_listen"}]},
    {"events": [{"event": "no such event"}], "responses": []},
    {"events": [{"event": "slot"}]},
    {"events": {}, "responses": []},
    {"responses": ["x"]},
    [],
]
before = [accepted(answer) for answer in answers]
compile_once()
after = [accepted(answer) for answer in answers]
assert before == after and True in after and False in after, (before, after)
print("alike", len(answers))
"""


def test_answers_are_judged_as_rasa_judges_them() -> None:
    done = in_rasa("-c", SCRIPT)
    assert done.stdout.strip().endswith("alike 8")
