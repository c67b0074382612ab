from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from gateway.settings import Settings
from gateway.training import ensure_model
from tests.support.stack import TODAY, Stack, data_folder

TELEPHONE = "telephone"


class OneTelephone(LoadScopeScheduling):  # type: ignore[misc]
    """For two workers: a file stays in one of them, and all that calls for real is in the same one, begun first.

    Real calls take as long as people talk, so they must not come last; and a second telephone at the same time would
    only make both of them late. (Groups by mark do nothing: xdist 3.8 writes them where pytest 9.2 does not look.)
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return TELEPHONE if _calls(file) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneTelephone:
    return OneTelephone(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What calls for real comes first, and says so by its file's name, which is all that the scheduler sees."""
    real = [item for item in items if TELEPHONE in getattr(item, "fixturenames", ())]
    for item in real:
        if not _calls(item.nodeid):
            raise pytest.UsageError(
                f"{item.nodeid} calls for real: put it in tests/calls, or name it tests/browser/test_call_…"
            )
    items.sort(key=lambda item: not _calls(item.nodeid))


def _calls(nodeid: str) -> bool:
    path = Path(nodeid.partition("::")[0])
    return path.match("tests/calls/*.py") or path.match("tests/browser/test_call_*.py")


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
