"""Whole conversations, written down in YAML, with the real bot and the real database.

``SHUILING_TEST_URL`` and ``SHUILING_TEST_DATABASE_URL`` take a product that runs already, with the fictional taxpayers
and the day fixed to :data:`tests.support.stack.TODAY`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from gateway.settings import Settings
from store.crypto import FieldCipher
from tests.conversations.cast import Casting
from tests.conversations.runner import Bureau, Play
from tests.conversations.script import Script, load_all
from tests.support.stack import TODAY

pytestmark = pytest.mark.model
SCRIPTS = load_all()


@dataclass(frozen=True)
class Running:
    """A product started by somebody else."""

    url: str
    database_url: str


@pytest.fixture(scope="session")
def bureau(request: pytest.FixtureRequest) -> Bureau:
    url = os.environ.get("SHUILING_TEST_URL")
    if url:
        return Running(url, os.environ["SHUILING_TEST_DATABASE_URL"])
    stack: Bureau = request.getfixturevalue("stack")
    return stack


@pytest.fixture(scope="session")
def casting(bureau: Bureau) -> Casting:
    settings = Settings()
    cipher = FieldCipher.from_settings(
        settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
    )
    return Casting(bureau.database_url, cipher, TODAY)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.id)
def test_conversation(script: Script, bureau: Bureau, casting: Casting) -> None:
    Play(script, {alias: casting.player(role) for alias, role in script.cast.items()}, bureau).run()
