"""What identifies somebody never reaches the dialogue or the message table."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.redaction import redact
from store.fictional import REGIONS, identifier, phone
from store.models import TaxpayerKind

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
USCC = identifier(TaxpayerKind.COMPANY, "成都市", 1)
RESIDENT = identifier(TaxpayerKind.PERSON, "厦门市", 6)
MOBILE = phone(1)
WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


def kinds(text: str) -> list[tuple[str, str]]:
    return [(found.kind, found.value) for _, found in redact(text, TODAY, 1).secrets]


@pytest.mark.parametrize(
    ("value", "kind", "word", "mask"),
    [
        (USCC, "uscc", "信用代码", f"{USCC[:4]}**********{USCC[-4:]}"),
        (RESIDENT, "resident_id", "证件", f"{RESIDENT[:3]}***********{RESIDENT[-4:]}"),
        (MOBILE, "mobile", "手机", "199****0001"),
        ("010-63417815", "landline", "电话", "010-******15"),
    ],
)
def test_a_number_becomes_a_placeholder_for_the_bot_and_a_mask_for_people(
    value: str, kind: str, word: str, mask: str
) -> None:
    redacted = redact(f"我是{value}，查一下", TODAY, 7)
    assert redacted.said == f"我是〔{word}#7〕，查一下"
    assert redacted.shown == f"我是{mask}，查一下"
    assert [(p, f.kind, f.value) for p, f in redacted.secrets] == [(f"{word}#7", kind, value)]


@pytest.mark.parametrize("value", [USCC, RESIDENT, MOBILE])
@pytest.mark.parametrize(
    "write",
    [
        lambda v: f"{v[:3]} {v[3:7]} {v[7:]}",
        lambda v: f"{v[:6]}-{v[6:]}",
        lambda v: f"{v[:3]}.{v[3:7]}.{v[7:]}",
        lambda v: f"{v[:3]}\u00a0{v[3:7]}\u3000{v[7:]}",
        lambda v: f"{v[:4]}\u200b{v[4:]}",
        lambda v: " ".join(v),
        lambda v: v.lower(),
        lambda v: v.translate(WIDE),
        lambda v: f"{v[:14]} {v[14:]}",
    ],
    ids=["groups", "dash", "dots", "odd spaces", "zero width", "one by one", "lower", "full width", "tail apart"],
)  # fmt: skip
def test_however_it_is_written(value: str, write) -> None:  # type: ignore[no-untyped-def]
    redacted = redact(f"号码{write(value)}。", TODAY, 1)
    assert [f.value for _, f in redacted.secrets] == [value]
    assert value[-4:] not in redacted.said.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        f"{USCC} {MOBILE}",
        f"{USCC}，{MOBILE}",
        f"代码{USCC}手机{MOBILE}",
        f"{USCC}\n{MOBILE[:3]} {MOBILE[3:7]} {MOBILE[7:]}",
    ],
)
def test_two_in_one_message_get_two_placeholders(text: str) -> None:
    redacted = redact(text, TODAY, 3)
    assert [(p, f.value) for p, f in redacted.secrets] == [("信用代码#3", USCC), ("手机#4", MOBILE)]
    assert MOBILE[-4:] not in redacted.said and USCC[-4:] not in redacted.said


@pytest.mark.parametrize(
    "text", ["199 0000 0001 199 0000 0002", "199 0000 0001 2026年", "19900000001 19900000002 35000"]
)
def test_numbers_in_groups_side_by_side_are_told_apart(text: str) -> None:
    assert ("mobile", "19900000001") in kinds(text)
    assert "0001" not in redact(text, TODAY, 1).shown.replace("****0001", "")


@pytest.mark.parametrize(
    "wrong",
    [
        USCC[:-1] + ("0" if USCC[-1] != "0" else "1"),
        RESIDENT[:-1] + ("0" if RESIDENT[-1] != "0" else "1"),
        RESIDENT[:17],
        "12345678901",
        "6222020012345678901",
        "6222 0200 1234 5678 901",
    ],
)
def test_mistyped_and_bank_card_numbers_are_hidden_too(wrong: str) -> None:
    redacted = redact(f"是{wrong}吧", TODAY, 1)
    digits = wrong.replace(" ", "")
    assert redacted.said == "是〔证件#1〕吧"
    assert [(f.kind, f.value) for _, f in redacted.secrets] == [("other", digits)]
    assert digits[4:-4] not in redacted.shown


@pytest.mark.parametrize(
    "text",
    [
        "我欠80000元，先缴12,500.30元，剩下的 67499.70",
        "10000 20000 30000",
        "2026-11-23 和 2026年12月15日",
        "2026/11/23 09:30",
        "20261123",
        "三万五千六百块",
        "验证码 482913",
        "每天万分之五，一共 28 天",
        "申请 YQ2026-000123 批了吗",
        "单号RG2026-000007",
        "12366",
        "这笔 SD202609000001 对不对",
        "流水号JK20260925000001",
        "",
    ],
)
def test_amounts_dates_codes_and_our_own_numbers_stay(text: str) -> None:
    redacted = redact(text, TODAY, 1)
    assert (redacted.said, redacted.shown, redacted.secrets) == (text, text, ())


@given(
    before=st.text(alphabet="我是的，。 欠税\n", max_size=6),
    after=st.text(alphabet="查一下，。吗 \n", max_size=6),
    serial=st.integers(1, 200),
    kind=st.sampled_from([TaxpayerKind.COMPANY, TaxpayerKind.SOLE_TRADER, TaxpayerKind.PERSON]),
    region=st.sampled_from(REGIONS),
    full_width=st.booleans(),
)
def test_no_valid_number_gets_through(
    before: str, after: str, serial: int, kind: TaxpayerKind, region: str, full_width: bool
) -> None:
    number = identifier(kind, region, serial)
    written = number.translate(WIDE) if full_width else number
    redacted = redact(before + written + after, TODAY, 1)
    assert [f.value for _, f in redacted.secrets] == [number]
    assert written not in redacted.said + redacted.shown
    assert redacted.said.startswith(before) and redacted.said.endswith(after)
