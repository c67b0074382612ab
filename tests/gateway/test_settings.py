from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.settings import DEFAULT_SECRET, Settings

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "internal_token": "a" * 32,
    "field_keys": "1:" + "b" * 32,
    "lookup_key": "c" * 32,
    "session_key": "d" * 32,
    "demo": False,
}


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [n for n in os.environ if n.startswith("SHUILING_")]:
        monkeypatch.delenv(name)


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


def test_development_starts_with_nothing_set() -> None:
    assert settings().env == "development"
    assert settings(env="test").internal_token.get_secret_value() == DEFAULT_SECRET


def test_production_takes_secrets_of_its_own() -> None:
    assert settings(env="production", **GOOD).env == "production"


@pytest.mark.parametrize("name", ["internal_token", "field_keys", "lookup_key", "session_key"])
@pytest.mark.parametrize("weak", [None, "", "short", f"{DEFAULT_SECRET}", f"x{DEFAULT_SECRET}y"])
def test_production_refuses_a_missing_short_or_default_secret(name: str, weak: str | None) -> None:
    given = {key: value for key, value in GOOD.items() if key != name}
    if weak is not None:
        given[name] = f"1:{weak}" if name == "field_keys" else weak
    with pytest.raises(ValidationError, match=f"SHUILING_{name.upper()}") as refused:
        settings(env="production", **given)
    assert "openssl" in str(refused.value)


def test_production_refuses_the_demo() -> None:
    with pytest.raises(ValidationError, match="SHUILING_DEMO"):
        settings(env="production", **{**GOOD, "demo": True})


def test_production_refuses_a_fixed_day() -> None:
    with pytest.raises(ValidationError, match="SHUILING_TODAY"):
        settings(env="production", today="2026-11-23", **GOOD)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    printed = repr(settings(env="production", **GOOD))
    for secret in ("a" * 32, "b" * 32, "c" * 32, "d" * 32):
        assert secret not in printed


def test_names_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUILING_PORT", "8123")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x")
    monkeypatch.setenv("SHUILING_TODAY", "2026-11-23")
    found = settings()
    assert (found.port, found.database_url, str(found.today)) == (8123, "postgresql://db/x", "2026-11-23")


@pytest.mark.parametrize("given", [{"port": "x"}, {"env": "prod"}, {"today": "2026-02-30"}])
def test_nonsense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**given)
