"""In Rasa's own environment: a turn ends with the action that fails, leaves no trace, and can be made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.rasa import in_rasa

pytestmark = pytest.mark.model

ASK = "action_ask_promise_form_promise_confirmed"


@pytest.fixture(scope="module")
def cases(trained_model: Path) -> Any:
    """What ``failing_actions.py`` has seen."""
    done = in_rasa("tests/bot/failing_actions.py", str(trained_model))
    return {**json.loads(done.stdout.splitlines()[-1]), "log": done.stderr}


@pytest.mark.parametrize(
    ("case", "calls"),
    [
        ("plain", ["action_promise_start"]),
        ("form begins", ["action_promise_start", "validate_promise_form"]),
        ("form reads", ["validate_promise_form"]),
        ("form asks", ["validate_promise_form", ASK]),
        ("form ends", ["validate_promise_form", "action_promise_submit"]),
        ("404", ["validate_promise_form", "action_promise_submit"]),
        ("unreadable", ["validate_promise_form", "action_promise_submit"]),
    ],
)
def test_wherever_an_action_fails_nothing_comes_after_it(cases: Any, case: str, calls: list[str]) -> None:
    found = cases[case]
    assert found["calls"] == calls
    assert found["status"] == 424 and found["said"] == []
    assert found["untouched"], "the tracker is as it was before the message"


@pytest.mark.parametrize("case", ["503", "no answer"])
def test_what_may_pass_is_told_apart(cases: Any, case: str) -> None:
    found = cases[case]
    assert (found["status"], found["untouched"]) == (503, True)
    assert found["calls"] == ["validate_promise_form", "action_promise_submit"]


def test_the_same_message_succeeds_once_the_action_does(cases: Any) -> None:
    for case in ("plain", "form begins", "form reads", "form asks", "form ends", "404", "503", "no answer"):
        found = cases[case]
        assert found["again"] == 200 and found["told"], case


def test_a_message_sent_again_while_its_turn_runs_is_not_run_again(cases: Any) -> None:
    assert cases["together"] == {"statuses": [424] * 3, "calls": ["action_promise_start"]}


def test_the_action_is_named_in_the_log_without_a_trace_of_rasas(cases: Any) -> None:
    assert cases["log"].count("turn broken off: validate_promise_form") == 2
    assert "Encountered an exception" not in cases["log"]
