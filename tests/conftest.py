from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.settings import Settings
from gateway.training import ensure_model
from tests.support.stack import TODAY, Stack, data_folder

TELEPHONE = "telephone"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For two workers: a file stays in one of them, and all that calls for real is in the same one, begun first.

    Real calls take as long as people talk, so they must not come last; and a second telephone at the same time would
    only make both of them late.
    """
    real = [item for item in items if TELEPHONE in getattr(item, "fixturenames", ())]
    others = [item for item in items if TELEPHONE not in getattr(item, "fixturenames", ())]
    for item in real:
        item.add_marker(pytest.mark.xdist_group(TELEPHONE))
    for item in others:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items[:] = real + others


@pytest.fixture(scope="session")
def trained_model() -> Path:
    """The Rasa model of the present inputs, in the project's own ``models/``; trained when missing."""
    return ensure_model(Settings())


@pytest.fixture(scope="session")
def stack(trained_model: Path) -> Iterator[Stack]:
    """The whole product, as ``shuiling serve`` runs it: real PostgreSQL with the demo data, real Rasa, the gateway."""
    with data_folder() as folder, Stack(folder) as running:
        yield running


@pytest.fixture(scope="session")
def telephone(trained_model: Path) -> Iterator[Stack]:
    """The same with the telephone: voices, hearing, the stand-in carrier, the browser phone; and the worker of outreach."""
    whole = {"SHUILING_TELEPHONE": "true", "SHUILING_WORKER": "true"}
    with data_folder() as folder, Stack(folder, whole) as running:
        yield running


@pytest.fixture
def today() -> date:
    return TODAY
