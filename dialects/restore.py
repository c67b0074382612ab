"""Numbers in a transcript as a person would write them: 尾号1234, 53000块, 11月23号.

Only what has one reading is rewritten, and so that ``bot.parsing`` reads the same value as before. Vague numbers (几万,
两三千, 十来天), shares (万分之五), times of day and everything inside a word stay in Han characters.
"""

from __future__ import annotations

import re
from decimal import Decimal

from dialects.numerals import DIGITS, PLAIN, READ_OUT, read_plain

_SIGNS = "".join(sign for sign in READ_OUT if not sign.isdigit())
_NAMED = re.compile(
    r"(?:尾号|末尾|尾数|[后末][三四五六]位|号码|手机号?|电话|身份证号?|识别号|信用代码|验证码|校验码|编号|卡号)(?:就?是|为)?$"
)
_LONGEST_NAME = 8
_SURE_LENGTH = 10
"""A run of digits this long is a telephone or the number of a paper whatever stands before it; a shorter one in figures
could be taken for a sum."""
_RUN = re.compile(rf"(?<![点第])[{_SIGNS}0-9]{{2,}}[叉xX]?")
_TIMES = re.compile(rf"([两二三四五六])个([{_SIGNS}])(?![块元月天年号个万千百十])")
_NUMBER = "零一二两三四五六七八九十百千万亿幺几半多来"
_DATE = re.compile(
    r"(?P<month>十[一二]?|[一二三四五六七八九])月(?P<of>份?)(?P<day>[一二三]?十[一二三四五六七八九]?|[一二三四五六七八九])(?P<name>[号日])"
)
_MONTH = re.compile(r"(?P<month>十[一二]?|[一二三四五六七八九])(?P<name>月份?)(?![一二三四五六七八九十0-9])")
_DAY = re.compile(
    r"(?P<day>[一二三]?十[一二三四五六七八九]?|[一二三四五六七八九])号(?![线楼文令码门机馆公院店])"
)
_COUNTERS = "点个天年月日号周期季小时岁次人遍家户页条成倍分星礼%届名句字份位件套辆台栋层"
_LEADS = "第之点.差个号周期拜"
"""Signs after which a number belongs to what stands before it."""
_YEAR = re.compile(r"(?:二零[零一二三四五六七八九]{2}|一九[零一二三四五六七八九]{2})年")
_MONEY_TAIL = re.compile(
    r"(?P<unit>[块元])(?:(?P<jiao>[一二三四五六七八九])(?:(?P<named>[毛角])(?:(?P<fen>[一二三四五六七八九])分?)?|(?!分)))?"
)
_WAN = 10_000
_CODE_LENGTH = 6
_LEAST_ALONE = 1000
"""A number with no unit after it is written in figures from here on; below it may count anything."""


def restore(text: str, kind: str = "open") -> str:
    """``text`` with its numbers in figures. ``kind`` as in ``telephony.events.Expected``: ``digits`` reads signs one by one."""
    if kind == "digits":
        return _digits(text)
    text = _long_runs(text)
    text = _dates(text)
    return _amounts(text)


def _digits(text: str) -> str:
    """三个八叉 → 888X, 是幺二三四 → 是1234; a lone sign only when nothing else was said."""
    spread = _TIMES.sub(lambda found: found[2] * "零一二三四五六".index(found[1].replace("两", "二")), text)
    if len(spread) == 1 and spread in READ_OUT:
        return READ_OUT[spread]
    return _RUN.sub(lambda found: _read_out(found[0]) if _is_read_out(found, 2) else found[0], spread)


def _long_runs(text: str) -> str:
    text = _YEAR.sub(lambda found: _read_out(found[0][:4]) + "年", text)

    def written(found: re.Match[str]) -> str:
        before = found.string[max(0, found.start() - _LONGEST_NAME) : found.start()]
        least = 3 if _NAMED.search(before) else _SURE_LENGTH
        return _read_out(found[0]) if _is_read_out(found, least) else found[0]

    return _RUN.sub(written, text)


def _is_read_out(found: re.Match[str], least: int) -> bool:
    """Whether a run of digits is a number read out, and not the beginning or the end of one with units."""
    run, text = found[0], found.string
    signs = run.rstrip("叉xX")
    if len(signs) < least or (signs.isdigit() and signs == run):
        return False
    near = text[max(0, found.start() - 1) : found.start()] + text[found.end() : found.end() + 1]
    return not any(sign in "十百千万亿几半块元个" for sign in near)


def _read_out(run: str) -> str:
    return "".join("X" if sign in "叉xX" else READ_OUT[sign] for sign in run)


def _dates(text: str) -> str:
    def whole(found: re.Match[str]) -> str:
        month, day = read_plain(found["month"]), read_plain(found["day"])
        if _inside(found) or month is None or day is None or day > 31:
            return found[0]
        return f"{month}月{found['of']}{day}{found['name']}"

    def month_only(found: re.Match[str]) -> str:
        month = read_plain(found["month"])
        return found[0] if _inside(found) or month is None else f"{month}{found['name']}"

    def day_only(found: re.Match[str]) -> str:
        day = read_plain(found["day"])
        return found[0] if _inside(found) or day is None or day > 31 else f"{day}号"

    return _DAY.sub(day_only, _MONTH.sub(month_only, _DATE.sub(whole, text)))


def _inside(found: re.Match[str]) -> bool:
    """Whether the match is the end of a longer number or of 第…."""
    before = found.string[max(0, found.start() - 1) : found.start()]
    return bool(before) and (before in _NUMBER or before in "第正腊点.-/" or before.isdigit())


def _amounts(text: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(text):
        found = PLAIN.match(text, at)
        if found is None or not found[0]:
            out.append(text[at])
            at += 1
            continue
        written, end = _amount(text, found)
        out.append(written)
        at = end
    return "".join(out)


def _amount(text: str, found: re.Match[str]) -> tuple[str, int]:
    """What a number becomes, with the place after it."""
    as_said = found[0], found.end()
    before = text[max(0, found.start() - 1) : found.start()]
    after = text[found.end() : found.end() + 1]
    value = read_plain(found[0])
    if value is None or (before and (before in _NUMBER or before in _LEADS or before.isdigit())):
        return as_said
    if after and (after in _NUMBER or after in _COUNTERS or after.isdigit()):
        return as_said
    tail = _MONEY_TAIL.match(text, found.end())
    if tail is not None:
        beyond = text[tail.end() : tail.end() + 1]
        if tail["jiao"] and beyond and (beyond in _NUMBER or (beyond in _COUNTERS and not tail["named"])):
            return f"{value}{tail['unit']}", found.end() + 1
        cents = Decimal(DIGITS[tail["jiao"]] if tail["jiao"] else 0) / 10
        cents += Decimal(DIGITS[tail["fen"]] if tail["fen"] else 0) / 100
        return f"{value + cents}{tail['unit']}", tail.end()
    if value >= _WAN and value % _WAN == 0:
        return f"{value / _WAN:f}万", found.end()
    # Six figures alone would look like a code sent by SMS.
    if value >= _LEAST_ALONE and len(str(value)) != _CODE_LENGTH:
        return f"{value}", found.end()
    return as_said
