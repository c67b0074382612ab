"""The scripts of ``tests/calls/scripts``: all of them load, can be filled in for whom they call, and cover the ground."""

from __future__ import annotations

from pathlib import Path

import pytest

import telephony.standin
from dialects import lexicon
from gateway.calls.cast import cast
from store.personas import PERSONAS
from telephony.standin.loader import load_folder
from telephony.standin.runner import plan
from telephony.standin.script import Answer, Press, Say, Script
from telephony.standin.speech import Studio
from tests.support.stack import TODAY
from tests.telephony.standin.fakes import Hum

pytestmark = pytest.mark.unit
SCRIPTS = load_folder(Path(__file__).parents[2] / "calls" / "scripts")
FIELDS = {
    persona.key: {
        "last4": "".join(sign for sign in persona.identifier if sign.isdecimal())[-4:],
        "identifier": persona.identifier,
        "contact": persona.contact,
        "name": persona.name,
    }
    for persona in PERSONAS
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_whoever_may_be_called_exists_and_every_placeholder_can_be_filled(script: Script) -> None:
    for who in script.who or tuple(FIELDS):
        filled = script.filled(FIELDS[who])
        for step in filled.steps:
            if isinstance(step, Say):
                assert "{" not in step.text
            if isinstance(step, Press):
                assert set(step.keys) <= set("0123456789*#")


def test_there_are_packs_for_every_accent() -> None:
    known = {folder.name for folder in (Path(lexicon.__file__).parent / "packs").iterdir() if folder.is_dir()}
    assert {pack for script in SCRIPTS for pack in script.packs} <= known


def test_scripts_and_packs_make_at_least_a_hundred_calls() -> None:
    assert len(plan(SCRIPTS, None)) >= 100


def test_every_answer_and_nearly_every_outcome_is_played() -> None:
    assert {script.answer for script in SCRIPTS} == set(Answer)
    outcomes = {outcome for script in SCRIPTS for outcome in script.expect.outcomes}
    assert outcomes >= {
        "completed", "not_verified", "wrong_person", "callback", "opted_out", "human", "voicemail", "silent", "hung_up",
        "busy", "no_answer", "rejected", "invalid_number", "fax",
    }  # fmt: skip


def test_the_usual_scripts_suit_everybody() -> None:
    usual = {
        script.name: script for script in load_folder(Path(telephony.standin.__file__).with_name("usual"))
    }
    assert {member.script or "pays" for member in cast(TODAY)} == set(usual)
    for script in usual.values():
        for fields in FIELDS.values():
            script.filled(fields)


def test_twenty_four_can_be_called_at_once_where_a_script_names_whoever_has_not_paid() -> None:
    alike = [member for member in cast(TODAY) if member.like == "overdue_company"]
    assert len({member.to for member in alike}) >= 24
    for member in alike:
        for script in SCRIPTS:
            if "overdue_company" in script.who:
                script.filled(member.fields)


async def test_all_can_be_rendered() -> None:
    studio = Studio(Hum())
    for script in SCRIPTS:
        if script.answer is Answer.PERSON:
            made = await studio.perform(
                script.filled(FIELDS[(script.who or ("overdue_company",))[0]]), "mandarin"
            )
            assert all(sound.size for sound in made.sounds.values())
