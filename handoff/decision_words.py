"""How a deferral application's progress is worded for the taxpayer: decision, day, what to do next; never an amount."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from handoff.telling import Notice
from tax.citations import LAW_31, LAW_88, RULES_42, RULES_75, Citation
from tax.deferral import Status, late_fee_effect

REMEDIES = (
    "对决定有不同意见的，可以自知道决定之日起60日内向上一级税务机关申请行政复议，"
    "也可以自知道决定之日起6个月内依法向人民法院提起行政诉讼；"
    "属于纳税争议的，要先依法缴纳税款和滞纳金或者提供担保，并先申请复议。"
)
"""Sixty days and the next higher authority: 行政复议法 20, 27. Six months: 行政诉讼法 46. Paying first: 征管法 88.

Whether a refused deferral is a dispute on tax in the sense of 实施细则 100 is open, so both ways are named.
"""
REMEDY_LAWS = (str(LAW_88), "《行政复议法》第二十条", "《行政复议法》第二十七条", "《行政诉讼法》第四十六条")
_FORMAL = "正式决定以送达的文书为准。"
_ASK_HUMAN = {"title": "转人工", "payload": "转人工"}
_HOW_TO_PAY = {"title": "怎么缴", "payload": "怎么缴税"}


def accepted(number: str, decide_by: date, today: date) -> Notice:
    """The authority has taken the application up; ``decide_by`` is its own time limit."""
    effect = late_fee_effect(Status.ACCEPTED)
    when = f"大约在{day(decide_by)}之前" if today <= decide_by else "会尽快"
    return Notice(
        f"您的延期缴纳申请{number}已经受理，税务机关{when}作出决定。{effect.text}",
        f"您的申请{number}已经受理",
        custom=_cited(effect.citations),
    )


def more_wanted(number: str, what: str, upload: bool) -> Notice:
    """Something is missing; ``upload``: the taxpayer can hand it in where they read this."""
    how = (
        "请用左下角的回形针上传照片或PDF。"
        if upload
        else "可以在税铃网上对话里核实身份后上传，也可以到电子税务局或者办税服务厅补交。"
    )
    return Notice(
        f"您的延期缴纳申请{number}还需要补充：{what.rstrip('。')}。{how}补齐以后会接着办，有不清楚的可以转人工。",
        f"您的申请{number}需要补充材料",
        (_ASK_HUMAN,),
        {"kind": "upload", "hint": "上传要补充的材料（照片或PDF）"} if upload else None,
    )


def approved(number: str, until: date, today: date) -> Notice:
    """Granted to the end of ``until``."""
    effect = late_fee_effect(Status.APPROVED)
    pay = f"请在{day(until)}或之前缴清。" if today <= until else "还没有缴清的部分，请尽快缴纳。"
    return Notice(
        f"您的延期缴纳申请{number}已经批准，延期到{day(until)}。{effect.text}{pay}申报仍要按期办理。{_FORMAL}",
        f"您的申请{number}已经有了结果",
        (_HOW_TO_PAY,),
        _cited(effect.citations),
    )


def refused(number: str, reason: str, due: date, today: date) -> Notice:
    """Not granted: the reason, the deadline ``due`` that stands, and the remedies."""
    if today <= due:
        pay = f"缴款期限仍是{day(due)}，在这一天或之前缴清没有滞纳金，过后从次日起按日计算。"
    else:
        pay = f"滞纳金从原缴款期限{day(due)}的次日起按日计算。早一天缴就少算一天，也可以先缴一部分。"
    return Notice(
        f"您的延期缴纳申请{number}没有获得批准。原因：{reason.rstrip('。')}。{pay}{REMEDIES}{_FORMAL}",
        f"您的申请{number}已经有了结果",
        (_HOW_TO_PAY, _ASK_HUMAN),
        {"kind": "citations", "items": [str(LAW_31), str(RULES_42), str(RULES_75), *REMEDY_LAWS]},
    )


def day(value: date) -> str:
    """``2026年10月15日``."""
    return f"{value.year}年{value.month}月{value.day}日"


def _cited(citations: Iterable[Citation]) -> dict[str, object]:
    return {"kind": "citations", "items": [str(citation) for citation in citations]}
