from __future__ import annotations

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from handoff import passwords
from handoff.passwords import hashed, matches, outdated, weakness

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("password", "login", "word"),
    [
        ("short-123", "zhang", "至少"),
        ("x" * 5 + "y-z" * 70, "zhang", "最多"),
        ("ababababababab", "zhang", "重复"),
        ("zhang-zhang", "zhang", "登录名"),
        ("Zhang12345", "zhang", "登录名"),
        ("wang-xiaoming-the-first", "wang-xiaoming-the-first", "登录名"),
    ],
)
def test_weak_passwords_are_refused_with_a_reason(password: str, login: str, word: str) -> None:
    assert word in (weakness(password, login) or "")


@pytest.mark.parametrize(
    ("password", "login"),
    [("qiu-tian-de-yu", "zhang"), ("delicious-x", "li"), ("秋天的雨下了一整夜呀", "zhang")],
)
def test_good_passwords_are_taken(password: str, login: str) -> None:
    assert weakness(password, login) is None


async def test_a_hash_is_argon2id_salted_and_fits_its_password_alone() -> None:
    one, two = await hashed("qiu-tian-de-yu"), await hashed("qiu-tian-de-yu")
    assert one != two
    assert one.startswith("$argon2id$")
    assert await matches(one, "qiu-tian-de-yu")
    assert not await matches(one, "qiu-tian-de-yu ")
    assert not outdated(one)


async def test_full_width_and_half_width_are_one_password() -> None:
    assert await matches(await hashed("abc-１２３４５６"), "abc-123456")


async def test_text_no_encoding_knows_and_hashes_nobody_made_are_only_wrong() -> None:
    stored = await hashed("qiu-tian-de-yu")
    assert not await matches(stored, "\ud800" * 12)
    assert not await matches(stored, "q" * 1_000_000)
    assert not await matches("none", "qiu-tian-de-yu")


async def test_checking_nobodys_password_costs_what_a_real_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    real = passwords._verify

    def seen(stored: str, password: bytes) -> bool:
        checked.append(stored)
        return real(stored, password)

    monkeypatch.setattr(passwords, "_verify", seen)
    stored = await hashed("qiu-tian-de-yu")
    assert not await matches(None, "qiu-tian-de-yu")
    assert not await matches(stored, "another-word")
    nobodys, somebodys = (extract_parameters(each) for each in checked)
    assert nobodys == somebodys
    assert nobodys.type is Type.ID


async def test_a_hash_of_other_parameters_is_outdated_but_still_good() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("qiu-tian-de-yu")
    assert outdated(old)
    assert await matches(old, "qiu-tian-de-yu")
