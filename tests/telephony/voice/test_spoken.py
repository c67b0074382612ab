from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.parsing import amount, clock, day
from bot.parsing.source import read
from telephony.voice.spoken import spoken

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # sums
        ("12500.30元", "一万二千五百元三角"),
        ("共 12,500.30 元", "共 一万二千五百元三角"),
        ("1,234,567.00元", "一百二十三万四千五百六十七元"),
        ("0.05元", "五分钱"),
        ("0.20元", "两角"),
        ("300.05元", "三百元零五分"),
        ("2元", "两元"),
        ("22222.22元", "两万二千二百二十二元二角二分"),
        ("110010元", "十一万零一十元"),
        ("1000000000000元", "一万亿元"),
        ("¥300", "三百元"),
        ("人民币3.5万元整", "三点五万元"),
        ("余额-12.5元", "余额负十二元五角"),
        ("10-20元", "十到二十元"),
        ("5块钱", "五块钱"),
        ("0.05元/天", "五分钱每天"),
        ("10000元×0.05%×28天=140.00元", "一万元乘以万分之五乘以二十八天等于一百四十元"),
        # days and times
        ("2026年11月23日", "二零二六年十一月二十三日"),
        ("2026-11-23", "二零二六年十一月二十三日"),
        ("2026/1/2", "二零二六年一月二日"),
        ("11月23日", "十一月二十三日"),
        ("11月1日-15日", "十一月一日到十五日"),
        ("2026-10", "二零二六年十月"),
        ("2026年Q3", "二零二六年第三季度"),
        ("2025至2026年", "二零二五至二零二六年"),
        ("2026-11-23 14:30", "二零二六年十一月二十三日下午两点半"),
        ("14:30", "下午两点半"),
        ("下午2:30", "下午两点半"),
        ("09:05", "上午九点零五分"),
        ("14:00-18:00", "下午两点到六点"),
        ("9:00—17:15", "上午九点到下午五点一刻"),
        ("9点到12点", "九点到十二点"),
        # rates
        ("每日0.05%", "每日万分之五"),
        ("3%", "百分之三"),
        ("0.5%", "百分之零点五"),
        ("5%~8%", "百分之五到百分之八"),
        ("1‰", "千分之一"),
        # what is read sign by sign
        ("尾号1234", "尾号幺二三四"),
        ("5101****1234", "五幺零幺开头，尾号幺二三四"),
        ("尾号****1234", "尾号幺二三四"),
        ("110***********002X", "幺幺零开头，尾号零零二X"),
        ("010-******15", "零幺零开头，尾号幺五"),
        ("139****1234", "幺三九开头，尾号幺二三四"),
        ("王*您好", "王某您好"),
        ("王*，您好", "王某，您好"),
        ("李**先生", "李某某先生"),
        ("13800001234", "幺三八 零零零零 幺二三四"),
        ("+86 138-0000-1234", "幺三八 零零零零 幺二三四"),
        ("028-87654321", "零二八 八七六五 四三二幺"),
        ("拨打12366", "拨打幺二三六六"),
        ("12366转1", "幺二三六六转一"),
        ("验证码是048213", "验证码是零四八二幺三"),
        ("编号YQ2026-000123", "编号YQ二零二六 杠 零零零幺二三"),
        ("91350211M000100Y43", "九幺三五 零二幺幺 M零零零 幺零零Y 四三"),
        ("身份证号11010119900307002X", "身份证号幺幺零幺零幺 幺九九零 零三零七 零零二X"),
        # counts
        ("3个月", "三个月"),
        ("2个", "两个"),
        ("第2个", "第二个"),
        ("2-3个工作日", "两到三个工作日"),
        ("2月", "二月"),
        ("2季度", "二季度"),
        ("200个", "二百个"),
        ("请输入6位验证码", "请输入六位验证码"),
        ("第32条", "第三十二条"),
        ("国税发〔2008〕93号", "国税发二零零八年第九十三号"),
        ("公告2019年第48号", "公告二零一九年第四十八号"),
        ("按1，或者按#键", "按一，或者按井号键"),
        ("1/3", "三分之一"),
        ("1:2", "一比二"),
        ("１２３元", "一百二十三元"),
        # markup
        ("1. 登录电子税务局。\n2. 搜索“延期办理”（约2分钟）；\n- 上传", "第一，登录电子税务局。第二，搜索延期办理，约两分钟；上传"),
        ("①登录②填写", "第一，登录。第二，填写"),
        ("请**务必**核实，**切记**。", "请务必核实，切记。"),
        ("**重点**：请[查看](https://a.b/c)", "重点：请查看"),
        ("见 https://sichuan.chinatax.gov.cn/x?y=1 。", "见 税务局官方网站。"),
        ("身份证/护照", "身份证或护照"),
        ("XX市税务局", "某市税务局"),
        ("用App办理👍", "用APP办理"),
        ("好的……", "好的，"),
        ("", ""),
        ("——", ""),
    ],
)  # fmt: skip
def test_written_text_is_said_as_a_clerk_says_it(written: str, said: str) -> None:
    assert spoken(written) == said


@settings(deadline=None)
@given(st.integers(1, 10**14), st.booleans(), st.sampled_from(["应缴{}。", "税款{}，请核对", "共{}"]))
def test_a_sum_spoken_is_read_back_as_the_same_sum(cents: int, commas: bool, frame: str) -> None:
    value = Decimal(cents) / 100
    said = spoken(frame.format(f"{value:,.2f}元" if commas else f"{value}元"))
    found = next(iter(amount.find(read(said), TODAY)))
    assert Decimal(str(found.value)) == value


@settings(deadline=None)
@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_a_day_spoken_is_read_back_as_the_same_day(when: date) -> None:
    for written in (f"{when.year}年{when.month}月{when.day}日", when.isoformat()):
        found = {match.value for match in day.find(read(spoken(written)), TODAY)}
        assert when.isoformat() in found


@settings(deadline=None)
@given(st.times().filter(lambda moment: 8 <= moment.hour <= 21))
def test_a_time_spoken_is_read_back_as_the_same_time(moment: time) -> None:
    written = f"明天{moment:%H:%M}给您打电话"
    values = {match.value for match in clock.find(read(spoken(written)), TODAY + timedelta(days=1))}
    assert f"{moment:%H:%M}" in values


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.sampled_from(
            "0123456789０５①½,.，。:：-—~/%*#¥元万亿角分年月日号点第条个月尾拨打编码ABXYabx （）“”《》\n \t👍零一二"
        )
        | st.characters(),
        max_size=60,
    )
)
def test_whatever_comes_no_digit_and_no_sign_remains_that_cannot_be_said(text: str) -> None:
    said = spoken(text)
    assert not any(sign.isdecimal() for sign in said)
    assert "*" not in said and "\n" not in said
    assert said == said.lstrip(" ，、；：")
