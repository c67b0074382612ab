"""The articles the rules of this room stand on, each with the date its rule took effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Citation:
    """One article. ``effective``: the day the law (or document) took effect; ``note``: what it rules."""

    law: str
    article: str
    effective: date
    note: str

    def __str__(self) -> str:
        """``《税收征收管理法》第三十二条``; a document known by its number stands without title marks."""
        name = self.law if self.law.endswith("号") else f"《{self.law}》"
        return f"{name}{self.article}"


_LAW = "税收征收管理法"
_RULES = "税收征收管理法实施细则"
_LAW_FROM = date(2001, 5, 1)
_RULES_FROM = date(2002, 10, 15)


def _law(article: str, note: str) -> Citation:
    return Citation(_LAW, article, _LAW_FROM, note)


def _rules(article: str, note: str) -> Citation:
    return Citation(_RULES, article, _RULES_FROM, note)


LAW_3 = _law("第三条", "税收的减免补退依照法律执行，任何机关、单位和个人不得擅自作出决定")
LAW_27 = _law("第二十七条", "延期申报：核准后仍应在期限内预缴税款")
LAW_31 = _law("第三十一条", "有特殊困难的，经省级税务机关批准可延期缴纳税款，最长不得超过三个月")
LAW_32 = _law("第三十二条", "从滞纳税款之日起，按日加收滞纳税款万分之五的滞纳金")
LAW_40 = _law("第四十条", "责令限期缴纳、逾期仍未缴纳的，经批准可采取强制执行措施")
LAW_45 = _law("第四十五条", "税款优先于罚款、没收违法所得")
LAW_51 = _law("第五十一条", "多缴税款的退还")
LAW_52_1 = _law("第五十二条第一款", "因税务机关的责任未缴或者少缴税款的，三年内可要求补缴，不得加收滞纳金")
LAW_68 = _law("第六十八条", "责令限期缴纳后逾期仍未缴纳的，可以并处罚款")
LAW_88 = _law("第八十八条", "对纳税有争议的，先缴纳或者提供担保，再申请行政复议")

RULES_41 = _rules("第四十一条", "特殊困难的两种情形；计划单列市税务机关可参照批准")
RULES_42 = _rules(
    "第四十二条", "应在缴纳税款期限届满前申请，税务机关自收到之日起20日内决定；不予批准的加收滞纳金"
)
RULES_73 = _rules("第七十三条", "责令缴纳税款的最长期限为15日")
RULES_75 = _rules("第七十五条", "滞纳金自缴款期限届满次日起，至实际缴纳税款之日止")
RULES_80 = _rules("第八十条", "税务机关的责任：适用法律、行政法规不当或者执法行为违法")
RULES_108 = _rules("第一百零八条", "“以上”“以下”“日内”“届满”均含本数")
RULES_109 = _rules(
    "第一百零九条", "期限最后一日是法定休假日的顺延；期限内连续三日以上法定休假日的，按休假日天数顺延"
)

COERCION_45_2 = Citation(
    "行政强制法", "第四十五条第二款", date(2012, 1, 1), "加处罚款或者滞纳金的数额不得超出金钱给付义务的数额"
)
SOCIAL_86 = Citation(
    "社会保险法",
    "第八十六条",
    date(2011, 7, 1),
    "未按时足额缴纳社会保险费的，自欠缴之日起按日加收万分之五的滞纳金",
)
PENALTY_72 = Citation(
    "行政处罚法", "第七十二条", date(2021, 7, 15), "到期不缴纳罚款的，每日按罚款数额的百分之三加处罚款"
)
NOTICE_2012_25 = Citation(
    "国家税务总局公告2012年第25号", "", date(2012, 8, 1), "应缴税款或滞纳金在1元以下的，税款、滞纳金为零"
)
NOTICE_2019_48_1 = Citation(
    "国家税务总局公告2019年第48号", "第一条", date(2020, 3, 1), "可以先行缴纳欠税，再依法缴纳滞纳金"
)
NOTICE_2022_20 = Citation(
    "国家税务总局公告2022年第20号",
    "",
    date(2022, 9, 28),
    "延期缴纳税款由主管税务机关受理；所列日期为发文日期",
)
FILING_2023 = Citation(
    "税总办征科函〔2022〕245号", "", date(2023, 1, 1), "国家税务总局办公厅关于明确2023年度申报纳税期限的通知"
)
FILING_2024 = Citation(
    "国家税务总局办公厅关于明确2024年度申报纳税期限的通知", "", date(2024, 1, 1), "2024年度各月申报纳税期限"
)
FILING_2026 = Citation(
    "税总办征科函〔2025〕64号", "", date(2026, 1, 1), "国家税务总局办公厅关于明确2026年度申报纳税期限的通知"
)
FILING_2020_02 = Citation("税总函〔2020〕27号", "", date(2020, 2, 1), "进一步延长2020年2月份纳税申报期限")

REGISTRY: tuple[Citation, ...] = (
    LAW_3,
    LAW_27,
    LAW_31,
    LAW_32,
    LAW_40,
    LAW_45,
    LAW_51,
    LAW_52_1,
    LAW_68,
    LAW_88,
    RULES_41,
    RULES_42,
    RULES_73,
    RULES_75,
    RULES_80,
    RULES_108,
    RULES_109,
    COERCION_45_2,
    SOCIAL_86,
    PENALTY_72,
    NOTICE_2012_25,
    NOTICE_2019_48_1,
    NOTICE_2022_20,
    FILING_2023,
    FILING_2024,
    FILING_2026,
    FILING_2020_02,
)


def lookup(text: str) -> Citation | None:
    """The registered citation printed as ``text`` (``《税收征收管理法》第三十二条``), or None."""
    return _BY_TEXT.get(text)


_BY_TEXT = {str(citation): citation for citation in REGISTRY}
