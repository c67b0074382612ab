"""Every intent of the domain leads somewhere, and the tables that name intents name only those."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from actions.forms import ABOUT_THE_TALK, LEAVES, QUESTIONS
from actions.readings import MEANINGS
from actions.talk import COURTESIES
from gateway.model_card import COSTLY
from gateway.model_measure import evaluation_sets
from gateway.settings import ROOT

pytestmark = pytest.mark.unit


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


DOMAIN = load("domain.yml")
INTENTS = frozenset(DOMAIN["intents"])


def led_to() -> dict[str, str]:
    """The action that each intent's own rule names."""
    rules = [r for name in ("intents", "calls") for r in load(f"nlu_data/rules/{name}.yml")["rules"]]
    return {
        rule["steps"][0]["intent"]: rule["steps"][1]["action"]
        for rule in rules
        if "intent" in rule["steps"][0]
    }


def test_every_intent_has_a_rule_and_its_action_exists() -> None:
    assert set(led_to()) == INTENTS
    assert set(led_to().values()) <= {str(name) for name in DOMAIN["actions"]}


def test_every_courtesy_has_words() -> None:
    assert {intent for intent, action in led_to().items() if action == "action_courtesy"} == set(COURTESIES)
    assert set(COURTESIES.values()) <= set(DOMAIN["responses"])


@pytest.mark.parametrize("named", [LEAVES, QUESTIONS, ABOUT_THE_TALK, frozenset(MEANINGS), COSTLY])
def test_tables_name_intents_of_the_domain(named: frozenset[str]) -> None:
    assert named <= INTENTS


def test_what_is_costly_is_guarded() -> None:
    pipeline = {step["name"].rpartition(".")[2]: step for step in load("config.yml")["pipeline"]}
    assert set(pipeline["ClauseIntentClassifier"]["guarded"]) == COSTLY


def test_lines_that_are_measured_have_intents_of_the_domain() -> None:
    assert {line.intent for lines in evaluation_sets().values() for line in lines} <= INTENTS
