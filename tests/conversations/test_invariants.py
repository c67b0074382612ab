"""The watch over every bubble: it must itself see what it is there to see."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.conversations.cast import BillRow, Player
from tests.conversations.invariants import broken
from tests.conversations.script import ScriptError, load, load_all

pytestmark = pytest.mark.unit

PLAYER = Player(
    id=uuid.uuid4(),
    full_name="成都青竹里餐饮管理有限公司（虚构）",
    contact="周雨禾",
    identifier="91990101MA0X000145",
    phone="19900000001",
    phone_mask="199****0001",
    bills=(BillRow("增值税", Decimal("12500.30"), date(2026, 10, 26), "open", Decimal(0), 0),),
    today=date(2026, 11, 23),
)


def seen(text: str, *, known: bool = False, example: bool = False, **more: Any) -> list[str]:
    return broken(
        [{"text": text, **more}], known={PLAYER} if known else set(), cast=[PLAYER], example=example
    )


@pytest.mark.parametrize(
    "text",
    [
        "请尽快缴税，否则后果自负。",
        "再不缴就冻结您的账户。",
        "您必须在今天缴清。",
        "您的申请肯定会批。",
        "宽限期内不算滞纳金。",
        "请把银行卡号发给我。",
        "您的税款是{amount}元。",
        "Traceback (most recent call last)",
        "Please try again later",
        "请拨打13900001234。",
        "您的代码是91510104MA6TEAA014。",
        "这条答复没有通过我的核对，为了不说错，我先不说数字。",
    ],
)
def test_what_may_never_be_said(text: str) -> None:
    assert seen(text, known=True)


@pytest.mark.parametrize(
    "text",
    [
        "您好，成都青竹里餐饮管理有限公司。",
        "请周雨禾女士接听。",
        "未缴12,500.30元。",
        "您名下有未缴的税款。",
        "滞纳金是3.21元。",
    ],
)
def test_what_may_be_said_to_the_taxpayer_only(text: str) -> None:
    assert seen(text)
    assert not seen(text, known=True)


def test_an_example_may_name_amounts() -> None:
    assert seen("滞纳金就是150.00元。")
    assert not seen("滞纳金就是150.00元。", example=True)


def test_tables_and_buttons_are_watched_too() -> None:
    assert seen("见表。", custom={"kind": "late_fee_table", "rows": [["2026-10-27", "12500.30"]]})
    assert seen("请选。", buttons=[{"title": "查", "payload": "/restart"}])
    assert seen("请选。", buttons=[{"title": "否则", "payload": "查"}])


def test_a_doubled_bubble_is_seen() -> None:
    assert broken([{"text": "好的。"}, {"text": "好的。"}], known=set(), cast=[], example=False)


def test_an_ordinary_answer_passes() -> None:
    text = (
        "申请表在《税总办征科函〔2025〕64号》之后，编号YQ2026-000001，可以下载PDF，也可以登录个人所得税APP。"
    )
    assert not seen(text, buttons=[{"title": "转人工", "payload": "转人工"}])


def test_the_figures_are_worked_out_by_the_law() -> None:
    assert PLAYER.fill("tax") == "12,500.30元"
    assert PLAYER.fill("fee") == "175.00元"
    assert PLAYER.fill("tax-10000.00") == "2,500.30元"


def test_scripts_are_well_formed_and_many() -> None:
    assert len(load_all()) >= 45


@pytest.mark.parametrize(
    "text",
    [
        "name: no list",
        "- {name: x, steps: []}",
        "- {name: x, steps: [{says: 你好}]}",
        "- {name: x, steps: [{say: 你好, expect: {hase: [好]}}]}",
    ],
)
def test_a_slip_in_a_script_is_an_error(tmp_path: Any, text: str) -> None:
    path = tmp_path / "slip.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScriptError):
        load(path)
