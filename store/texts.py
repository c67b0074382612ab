"""Text messages in the outbox: what their encrypted columns are bound to, and the number they go to."""

from __future__ import annotations

from store.crypto import FieldCipher
from store.models import Contact
from tax.identifiers import check_mobile

SIGNATURE = "【税铃】"
"""What every text message begins with."""
CODE_PURPOSE = "verify"
"""``outbox_sms.purpose`` of verification codes: they go before everything else, and no switch holds them back."""
SMS_PHONE = "outbox_sms.phone"
SMS_BODY = "outbox_sms.body"


def takes_texts(cipher: FieldCipher, contact: Contact) -> bool:
    """Whether the number is a mobile one."""
    return bool(check_mobile(cipher.decrypt(contact.phone_enc, "contact.phone")))


def sealed_number(cipher: FieldCipher, contact: Contact) -> bytes:
    """The number of a contact as ``outbox_sms.phone_enc`` holds it: a value opens only in its own column."""
    return cipher.encrypt(cipher.decrypt(contact.phone_enc, "contact.phone"), SMS_PHONE)
