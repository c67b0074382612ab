"""Encryption at rest, look-up hashes and key rotation."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store import demo
from store.crypto import CipherError, FieldCipher, normalise
from store.models import Base, Contact, Conversation, OutboxSms, Secret, Taxpayer
from store.rotation import encrypted_fields, rotate

pytestmark = pytest.mark.unit

CIPHER = FieldCipher.from_settings("a:secret-a,b:secret-b", "lookup")
REVERSED = FieldCipher.from_settings("b:secret-b,a:secret-a", "lookup")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_goes_in_comes_out(value: str) -> None:
    assert CIPHER.decrypt(CIPHER.encrypt(value, "t.c"), "t.c") == value


def test_equal_values_are_stored_differently_and_show_nothing() -> None:
    first, second = (CIPHER.encrypt("91350100M000100Y43", "t.c") for _ in range(2))
    assert first != second
    assert b"M000100" not in first


def test_a_value_in_another_column_does_not_open() -> None:
    with pytest.raises(CipherError):
        CIPHER.decrypt(CIPHER.encrypt("x", "contact.phone"), "taxpayer.identifier")


@pytest.mark.parametrize("place", range(3 + 12 + 16 + 1))
def test_any_changed_byte_is_noticed(place: int) -> None:
    blob = bytearray(CIPHER.encrypt("x", "t.c"))
    blob[place] ^= 1
    with pytest.raises(CipherError):
        CIPHER.decrypt(bytes(blob), "t.c")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01\x01a", b"\x02" + bytes(40), bytes(100)])
def test_garbage_is_refused(blob: bytes) -> None:
    with pytest.raises(CipherError):
        CIPHER.decrypt(blob, "t.c")


def test_every_key_reads_and_the_first_writes() -> None:
    old = CIPHER.encrypt("x", "t.c")
    assert REVERSED.decrypt(old, "t.c") == "x"
    assert REVERSED.needs_rotation(old)
    assert not REVERSED.needs_rotation(REVERSED.encrypt("x", "t.c"))
    with pytest.raises(CipherError, match="密钥 a"):
        FieldCipher.from_settings("b:secret-b", "lookup").decrypt(old, "t.c")
    with pytest.raises(CipherError, match="密钥不对"):
        FieldCipher.from_settings("a:wrong", "lookup").decrypt(old, "t.c")


@pytest.mark.parametrize("keys", ["", ",", "nosecret", "1:", ":x", "1:a,1:b", "坏:x", f"{'k' * 33}:x"])
def test_malformed_key_settings_are_refused_without_repeating_secrets(keys: str) -> None:
    with pytest.raises(CipherError) as caught:
        FieldCipher.from_settings(keys, "lookup")
    assert "nosecret" not in str(caught.value)
    with pytest.raises(CipherError):
        FieldCipher.from_settings("1:x", "")


def test_spellings_of_one_number_meet_and_kinds_stay_apart() -> None:
    one = CIPHER.lookup_hash("identifier", "11010519491231002X")
    assert one == CIPHER.lookup_hash("identifier", " 110105 19491231-002x\u200b")
    assert one == CIPHER.lookup_hash("identifier", "１１０１０５１９４９１２３１００２Ｘ")
    assert one != CIPHER.lookup_hash("phone", "11010519491231002X")
    assert one != FieldCipher.from_settings("a:secret-a", "other").lookup_hash(
        "identifier", "11010519491231002X"
    )
    assert len(one) == 32
    assert normalise("a b") == "AB"


def test_every_encrypted_column_is_known_to_the_rotation() -> None:
    bytes_columns = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_enc")
    }
    assert set(encrypted_fields()) == bytes_columns
    assert ("taxpayer", "identifier_enc") in bytes_columns


async def test_rotation_moves_everything_to_the_new_keys(session: AsyncSession, today: Any) -> None:
    old = FieldCipher.from_settings("old:one", "lookup-one")
    await demo.seed(session, old, today)
    conversation = Conversation(channel="web")
    session.add_all([conversation, OutboxSms(
        purpose="verify", phone_enc=old.encrypt("1", "outbox_sms.phone"), phone_mask="1",
        body_enc=old.encrypt("正文", "outbox_sms.body"),
    )])  # fmt: skip
    await session.flush()
    session.add(
        Secret(
            id=uuid.uuid4(), conversation_id=conversation.id, placeholder="p", kind="code",
            value_enc=old.encrypt("7", "secret.value"), value_mask="*",
        )
    )  # fmt: skip
    await session.commit()

    new = FieldCipher.from_settings("new:two,old:one", "lookup-two")
    seen: list[int] = []
    report = await rotate(session, new, seen.append)
    assert (report.checked, report.reencrypted, report.rehashed) == (403, 403, 400)
    assert seen[-1] == 403
    alone = FieldCipher.from_settings("new:two", "lookup-two")
    session.expire_all()
    for taxpayer in await session.scalars(select(Taxpayer)):
        value = alone.decrypt(taxpayer.identifier_enc, "taxpayer.identifier")
        assert taxpayer.identifier_hash == alone.lookup_hash("identifier", value)
    for contact in await session.scalars(select(Contact)):
        assert contact.phone_hash == alone.lookup_hash(
            "phone", alone.decrypt(contact.phone_enc, "contact.phone")
        )
    sms = await session.scalar(select(OutboxSms))
    secret = await session.scalar(select(Secret))
    assert sms is not None and secret is not None
    assert alone.decrypt(sms.body_enc, "outbox_sms.body") == "正文"
    assert alone.decrypt(secret.value_enc, "secret.value") == "7"
    again = await rotate(session, alone)
    assert (again.checked, again.reencrypted, again.rehashed) == (403, 0, 0)
