"""Days: 下月二十号, 大后天, 下下周三, 月底, 11月30号, 12-01, 三天后, 春节, 正月十五."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from bot.parsing import lunar
from bot.parsing.calendar import add_days, add_months, last_day, make_day, nearest, shift_month
from bot.parsing.entity import Match
from bot.parsing.numeral import COUNT, DIGITS, count
from bot.parsing.source import Source

_TENS = r"[一二三四五六七八九]?十[一二三四五六七八九]?"
_MONTH = rf"(?P<month>\d{{1,2}}|{_TENS}|[一二三四五六七八九]|元)"
_DAY = rf"(?P<day>\d{{1,2}}|{_TENS}|[零一二三四五六七八九])"
_NO_LEAD = r"(?<![\d零一二三四五六七八九十第./\-])"
_BARE_END = r"(?![\d零一二三四五六七八九十百千万亿点个年月天周块元毛多来几期%份日号.:,/\-]|分)"
_YEAR = r"(?P<year>(?:19|20)\d{2}年|[零一二三四五六七八九]{4}年|今年|明年|后年|去年|前年)的?"
_SIDES = r"(?P<side>上上|上|这|本|当|下下|下|次)"
_PAST_AFTER = re.compile(
    r"(?:[上下]午|晚上?|早上?|那天|的时候)?(?:就|已经?|早就?|我|们|刚|才|都|全|在|用|通过|微信|支付宝|网银|银行|把|税款?|钱){0,6}"
    r"(?:交|缴|付|转|扣|汇|打|还|结)(?:清|完|上|掉|走)?(?:税款?|款|钱|费|账)?(?:过|了(?!再|就|吗)|的(?!话)|完)"
)
_SIDE_STEPS = {"上上": -2, "上": -1, "这": 0, "本": 0, "当": 0, "": 0, "下": 1, "次": 1, "下下": 2}
_YEAR_STEPS = {"今年": 0, "明年": 1, "后年": 2, "去年": -1, "前年": -2}
_WEEKDAYS = {**{sign: place for place, sign in enumerate("一二三四五六")}, "日": 6, "天": 6}
_WEEKDAYS.update({str(place + 1): place for place in range(7)})

_RELATIVE_WORDS = {
    "大大后天": 4, "大后天": 3, "大后日": 3, "后天": 2, "后日": 2, "后儿": 2, "外后天": 3, "明天": 1, "明日": 1, "明儿": 1,
    "明朝": 1, "听日": 1, "聽日": 1, "明早": 1, "明晚": 1, "明晨": 1, "今天": 0, "今日": 0, "今儿": 0, "今朝": 0, "今早": 0, "今晚": 0,
    "今晨": 0, "昨天": -1, "昨日": -1, "昨儿": -1, "昨晚": -1, "寻日": -1, "前天": -2, "前日": -2, "前儿": -2, "前晚": -2,
    "大前天": -3, "大前日": -3,
    # The North-East, Henan, Sichuan; Cantonese; Minnan; Shanghai.
    "明儿个": 1, "明个": 1, "赶明儿": 1, "后儿个": 2, "后个": 2, "今儿个": 0, "今个": 0, "昨儿个": -1, "前儿个": -2, "夜儿个": -1,
    "听晚": 1, "聽晚": 1, "琴日": -1, "尋日": -1, "寻晚": -1, "明仔载": 1, "明仔再": 1, "明仔": 1, "今仔日": 0, "昨昏": -1, "后日子": 2,
    "昨日子": -1, "前日子": -2, "今朝子": 0,
}  # fmt: skip
_RELATIVE = re.compile("|".join(sorted(_RELATIVE_WORDS, key=len, reverse=True)))
_ISO = re.compile(r"(?<![\d\-/.])((?:19|20)\d{2})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/\-])[日号]?")
_COMPACT = re.compile(r"(?<![\dA-Za-z\-/.])((?:19|20)\d{2})(\d{2})(\d{2})(?![\dA-Za-z\-/.])")
_SLASHED = re.compile(r"(?<![\dA-Za-z\-/.])(\d{1,2})([-/])(\d{1,2})(?![\dA-Za-z\-/.%])[日号]?")
_DOTTED = re.compile(r"(?<![\dA-Za-z\-/.])(\d{1,2})(\.)(\d{1,2})[日号]")
_MONTH_DAY = re.compile(
    rf"(?:{_YEAR})?(?<![\d零一二三四五六七八九十第./\-])(?<!正)(?<!腊)(?<!闰){_MONTH}月(?:份)?的?{_DAY}(?:[日号](?![线楼文令])|{_BARE_END})"
)
_MONTH_EDGE = re.compile(
    rf"(?:{_YEAR})?{_NO_LEAD}{_MONTH}月份?的?(?P<edge>底|末|初(?![一二三四五六七八九十])|中(?!旬))"
)
_SIDE_MONTH_DAY = re.compile(rf"{_SIDES}个?月的?{_DAY}(?:[日号]|{_BARE_END})")
_SIDE_MONTH_EDGE = re.compile(rf"{_SIDES}个?月的?(?P<edge>底|末|初(?![一二三四五六七八九十])|中(?!旬))")
_MONTH_EDGE_ALONE = re.compile(
    r"(?<![上下这本当次个\d一二三四五六七八九十腊])月(?P<edge>底|末|初(?![一二三四五六七八九十])|中(?!旬))(?!间)"
)
_DAY_ALONE = re.compile(
    rf"(?<![\d零一二三四五六七八九十月第./\-几A-Za-z#])(?<!月的){_DAY}(?:号(?![线楼文令码门机馆公])|日(?![之以内后前起期本语元])(?!常))"
)
_WEEKDAY = re.compile(
    r"(?P<side>下下下|下下|上上|上|这|本|下)?(?:一)?个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末1-7])(?![\d个年转])"
)
_AFTER_DAYS = re.compile(rf"(?:再?过|再?等)?{_NO_LEAD}(?P<n>{COUNT})(?:天|日)(?:之后|以后|过后|后(?!天))")
_PASS_DAYS = re.compile(rf"(?:再过|过个?|再等)(?P<n>{COUNT})天(?!内|之内)")
_BEFORE_DAYS = re.compile(rf"{_NO_LEAD}(?P<n>{COUNT})(?:天|日)(?:之前|以前|前)")
_AFTER_WEEKS = re.compile(
    rf"(?:再?过|再?等)?{_NO_LEAD}(?P<n>{COUNT})个?(?:周|星期|礼拜)(?:之后|以后|过后|后)|(?:再过|过)(?P<m>{COUNT})个?(?:周|星期|礼拜)(?![一二三四五六日天末\d])"
)
_AFTER_MONTHS = re.compile(
    rf"(?:再?过|再?等)?{_NO_LEAD}(?P<n>{COUNT})个(?P<half>半)?月(?:之后|以后|过后|后)|(?:再过|过)(?P<m>{COUNT})个(?P<half2>半)?月"
)
_HALF_MONTH = re.compile(r"(?:再?过|再?等)?半个?月(?:之后|以后|过后|后)|(?:再过|过)半个?月")
_AFTER_YEARS = re.compile(rf"(?:再?过)?{_NO_LEAD}(?P<n>{COUNT})年(?:之后|以后|后)")
_HALF_YEAR = re.compile(r"(?:再?过)?半年(?:之后|以后|后)|(?:再过|过)半年")
_YEAR_EDGE = re.compile(
    r"(?:(?P<year>20\d{2}年|今年|明年|后年|去年|前年)的?(?P<edge>年?底|年?末|年?尾|年?初(?![一二三四五六七八九十中])))"
    r"|(?<!\d)(?P<alone>年底|年末|年尾|年初(?!一))"
)
_FESTIVAL = re.compile(
    r"(?P<year>20\d{2}年|今年|明年|后年|去年|前年)?的?(?P<name>"
    + "|".join(sorted(lunar.FESTIVALS, key=len, reverse=True))
    + r")(?:节)?(?:当天|那天)?"
)
_LUNAR = re.compile(
    r"(?:农历|阴历|旧历)(?P<month>正|腊|冬|[一二三四五六七八九十]{1,2})月(?P<day>初[一二三四五六七八九十]|[一二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?)"
    r"|(?P<month2>正|腊|冬)月(?P<day2>初[一二三四五六七八九十]|[一二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?)"
)

_Finder = Callable[[str, date], Iterator[Match]]


def find(source: Source, today: date) -> Iterator[Match]:
    """Days as ISO dates, seen from ``today``.

    A day of the month alone is the next such day, a month and day without a year the nearest one, unless the words
    after it tell of a payment already made. A day that no calendar has comes with value None and ``invalid``.
    """
    for finder in _FINDERS:
        yield from finder(source.text, today)


def _match(found: re.Match[str], day: date | None, *, invalid: bool = False) -> Match:
    return Match("date", found.start(), found.end(), None if day is None else day.isoformat(), False, invalid)


def _number(spoken: str) -> int:
    return 1 if spoken == "元" else count(spoken)


def _year(spoken: str | None, today: date) -> int | None:
    if not spoken:
        return None
    if spoken in _YEAR_STEPS:
        return today.year + _YEAR_STEPS[spoken]
    digits = spoken.rstrip("年")
    return int(digits) if digits.isascii() else int("".join(str(DIGITS[sign]) for sign in digits))


def _told_as_past(text: str, end: int) -> bool:
    return _PAST_AFTER.match(text, end) is not None


def _dated(found: re.Match[str], year: int | None, month: int, day: int, today: date) -> Match:
    past = True if _told_as_past(found.string, found.end()) else None
    if year is not None:
        made = make_day(year, month, day)
        return _match(found, made, invalid=made is None)
    years = range(today.year - 1, today.year + 2)
    candidates = [made for y in years if (made := make_day(y, month, day)) is not None]
    chosen = nearest(candidates, today, past=past)
    return _match(found, chosen, invalid=chosen is None)


def _words(text: str, today: date) -> Iterator[Match]:
    for found in _RELATIVE.finditer(text):
        yield _match(found, today + timedelta(days=_RELATIVE_WORDS[found.group()]))


def _written(text: str, today: date) -> Iterator[Match]:
    for found in _ISO.finditer(text):
        yield _dated(found, int(found[1]), int(found[3]), int(found[4]), today)
    for found in _COMPACT.finditer(text):
        if make_day(int(found[1]), int(found[2]), int(found[3])) is not None:
            yield _dated(found, int(found[1]), int(found[2]), int(found[3]), today)
    for pattern in (_SLASHED, _DOTTED):
        for found in pattern.finditer(text):
            if 1 <= int(found[1]) <= 12 and 1 <= int(found[3]) <= 31:
                yield _dated(found, None, int(found[1]), int(found[3]), today)


def _month_days(text: str, today: date) -> Iterator[Match]:
    for found in _MONTH_DAY.finditer(text):
        yield _dated(
            found, _year(found["year"], today), _number(found["month"]), _number(found["day"]), today
        )
    for found in _SIDE_MONTH_DAY.finditer(text):
        year, month = shift_month(today, _SIDE_STEPS[found["side"]])
        yield _dated(found, year, month, _number(found["day"]), today)
    for found in _DAY_ALONE.finditer(text):
        yield _next_such_day(found, _number(found["day"]), today)


def _next_such_day(found: re.Match[str], day: int, today: date) -> Match:
    steps = range(0, -13, -1) if _told_as_past(found.string, found.end()) else range(13)
    for step in steps:
        year, month = shift_month(today, step)
        made = make_day(year, month, day)
        if made is not None and (made <= today if steps.step < 0 else made >= today):
            return _match(found, made)
    return _match(found, None, invalid=True)


def _month_edges(text: str, today: date) -> Iterator[Match]:
    for found in _MONTH_EDGE.finditer(text):
        month, year = _number(found["month"]), _year(found["year"], today)
        if not 1 <= month <= 12:
            yield _match(found, None, invalid=True)
            continue
        years = [year] if year is not None else [today.year - 1, today.year, today.year + 1]
        past = True if _told_as_past(text, found.end()) else None
        yield _match(found, nearest([_edge(y, month, found["edge"]) for y in years], today, past=past))
    for found in _SIDE_MONTH_EDGE.finditer(text):
        yield _match(found, _edge(*shift_month(today, _SIDE_STEPS[found["side"]]), found["edge"]))
    for found in _MONTH_EDGE_ALONE.finditer(text):
        here, following = (_edge(*shift_month(today, step), found["edge"]) for step in (0, 1))
        keep = here >= today or _told_as_past(text, found.end())
        yield _match(found, here if keep else following)


def _edge(year: int, month: int, edge: str) -> date:
    if edge == "初":
        return date(year, month, 1)
    return date(year, month, 15) if edge == "中" else last_day(year, month)


def _year_edges(text: str, today: date) -> Iterator[Match]:
    for found in _YEAR_EDGE.finditer(text):
        first = "初" in (found["edge"] or found["alone"])
        year = _year(found["year"], today)
        if year is None:
            year = today.year + (1 if first and today != date(today.year, 1, 1) else 0)
            if first and _told_as_past(text, found.end()):
                year = today.year
        yield _match(found, date(year, 1, 1) if first else date(year, 12, 31))


def _weekdays(text: str, today: date) -> Iterator[Match]:
    monday = today - timedelta(days=today.weekday())
    for found in _WEEKDAY.finditer(text):
        weekend = found["weekday"] == "末"
        place = 5 if weekend else _WEEKDAYS[found["weekday"]]
        side = found["side"] or ""
        steps = side.count("下") - side.count("上")
        day = monday + timedelta(days=7 * steps + place)
        if weekend and not side and today.weekday() == 6:
            day = today
        elif not side and day < today and not weekend and not _told_as_past(text, found.end()):
            day += timedelta(days=7)
        elif not side and day > today and _told_as_past(text, found.end()):
            day -= timedelta(days=7)
        yield _match(found, day)


def _distances(text: str, today: date) -> Iterator[Match]:
    for pattern in (_AFTER_DAYS, _PASS_DAYS):
        for found in pattern.finditer(text):
            yield _match(found, add_days(today, count(found["n"])))
    for found in _BEFORE_DAYS.finditer(text):
        yield _match(found, add_days(today, -count(found["n"])))
    for found in _AFTER_WEEKS.finditer(text):
        yield _match(found, add_days(today, 7 * count(found["n"] or found["m"])))
    for found in _AFTER_MONTHS.finditer(text):
        later = add_months(today, count(found["n"] or found["m"]))
        half = found["half"] or found["half2"]
        yield _match(found, later if later is None or not half else add_days(later, 15))
    for found in _HALF_MONTH.finditer(text):
        yield _match(found, add_days(today, 15))
    for found in _AFTER_YEARS.finditer(text):
        yield _match(found, add_months(today, 12 * count(found["n"])))
    for found in _HALF_YEAR.finditer(text):
        yield _match(found, add_months(today, 6))


def _festivals(text: str, today: date) -> Iterator[Match]:
    for found in _FESTIVAL.finditer(text):
        rule = lunar.FESTIVALS[found["name"]]
        year = _year(found["year"], today)
        if year is not None:
            yield _match(found, rule(year))
            continue
        days = list(lunar.occurrences(rule, today.year))
        yield _match(found, nearest(days, today, past=_told_as_past(text, found.end())))
    for found in _LUNAR.finditer(text):
        month, day = _lunar_numbers(found["month"] or found["month2"], found["day"] or found["day2"])
        candidates = [
            made
            for y in range(today.year - 1, today.year + 2)
            if (made := lunar.lunar_day(y, month, day)) is not None
        ]
        chosen = nearest(candidates, today, past=_told_as_past(text, found.end()))
        yield _match(found, chosen, invalid=chosen is None)


def _lunar_numbers(month: str, day: str) -> tuple[int, int]:
    named = {"正": 1, "冬": 11, "腊": 12}
    spoken = day.removeprefix("初")
    days = 20 + (count(spoken[1:]) if spoken[1:] else 0) if spoken.startswith("廿") else count(spoken)
    return named[month] if month in named else count(month), days


_FINDERS: tuple[_Finder, ...] = (
    _words,
    _written,
    _month_days,
    _month_edges,
    _year_edges,
    _weekdays,
    _distances,
    _festivals,
)
