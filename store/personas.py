"""The taxpayers of the demonstration one can play: who they are and what state their taxes are in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from store.fictional import MARK, identifier, phone
from store.models import TaxpayerKind


@dataclass(frozen=True, slots=True)
class Persona:
    """A fictional taxpayer. ``contact`` is who answers the phone; ``situation_zh`` is for the demonstration page.

    ``industry`` is a section of GB/T 4754; ``size`` is that of ``Taxpayer``.
    """

    key: str
    name: str
    kind: TaxpayerKind
    region: str
    contact: str
    identifier: str
    phone: str
    situation_zh: str
    industry: str | None = None
    size: str | None = None


_COMPANY, _SOLE, _PERSON = TaxpayerKind.COMPANY, TaxpayerKind.SOLE_TRADER, TaxpayerKind.PERSON

_CAST = (
    ("not_due_company", "成都青竹里餐饮管理有限公司", _COMPANY, "成都市", "周雨禾",
     "增值税 80000.00 元还没到期，可以走完整的延期缴纳申请。"),
    ("not_due_sole_trader", "广州市荔风糖水铺", _SOLE, "广州市", "梁嘉欣",
     "个体工商户，增值税 9600.00 元还没到期。"),
    ("overdue_company", "上海云栖信息技术有限公司", _COMPANY, "上海市", "顾明远",
     "增值税 12500.30 元已逾期，滞纳金逐日计算。"),
    ("two_bills", "沈阳北辰机械配件有限公司", _COMPANY, "沈阳市", "佟立新",
     "增值税和城市维护建设税两笔同时逾期，分别计算滞纳金。"),
    ("partly_paid", "郑州中禾面业有限公司", _COMPANY, "郑州市", "申晓燕",
     "增值税 100000.00 元，逾期后先缴了 30000.00 元。"),
    ("just_overdue_person", "林小满", _PERSON, "厦门市", "林小满",
     "个人所得税 3600.00 元刚过期限几天。"),
    ("long_overdue", "成都旧巷文化传播有限公司", _COMPANY, "成都市", "罗启明",
     "欠了多年，按天算的滞纳金已超过税款，要转人工。"),
    ("disputed", "广州南屿贸易有限公司", _COMPANY, "广州市", "陈伟文",
     "对税额有异议，正在核实。"),
    ("deferred", "沈阳松林供热设备有限公司", _COMPANY, "沈阳市", "关雪梅",
     "延期缴纳已获批准，延期内没有滞纳金。"),
    ("refused", "上海拾光家居有限公司", _COMPANY, "上海市", "沈一鸣",
     "延期申请没有获批，滞纳金从原期限算起。"),
    ("settled", "厦门鹭岸海产有限公司", _COMPANY, "厦门市", "黄丽娜",
     "税款已全部缴清，可以查到缴款流水号。"),
    ("no_debt", "郑州沐春花卉有限公司", _COMPANY, "郑州市", "魏春生",
     "名下没有待缴的税款。"),
    ("mixed", "成都九眼桥建筑装饰有限公司", _COMPANY, "成都市", "唐志强",
     "一笔已逾期、一笔还没到期、一笔已缴清。"),
    ("social", "郑州市老城烩面馆", _SOLE, "郑州市", "袁国栋",
     "有一笔社会保险费，适用的规定不同，要转人工。"),
)  # fmt: skip

_TRADES = {
    "not_due_company": ("住宿和餐饮业", "small"),
    "not_due_sole_trader": ("住宿和餐饮业", "micro"),
    "overdue_company": ("信息传输、软件和信息技术服务业", "small"),
    "two_bills": ("制造业", "medium"),
    "partly_paid": ("制造业", "medium"),
    "long_overdue": ("文化、体育和娱乐业", "micro"),
    "disputed": ("批发和零售业", "small"),
    "deferred": ("制造业", "medium"),
    "refused": ("批发和零售业", "small"),
    "settled": ("农、林、牧、渔业", "small"),
    "no_debt": ("农、林、牧、渔业", "micro"),
    "mixed": ("建筑业", "medium"),
    "social": ("住宿和餐饮业", "micro"),
}


@cache
def by_key(key: str) -> Persona:
    """The persona of that key.

    Raises:
        KeyError: there is none.
    """
    return {persona.key: persona for persona in PERSONAS}[key]


PERSONAS: tuple[Persona, ...] = tuple(
    Persona(
        key=key,
        name=name + MARK,
        kind=kind,
        region=region,
        contact=contact + MARK,
        identifier=identifier(kind, region, serial),
        phone=phone(serial),
        situation_zh=situation,
        industry=industry,
        size=size,
    )
    for serial, (key, name, kind, region, contact, situation) in enumerate(_CAST, start=1)
    for industry, size in (_TRADES.get(key, (None, None)),)
)
