import pytest

from dialects.training.spoken import number, say_numbers

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "零"),
        (10, "十"),
        (15, "十五"),
        (210, "二百一十"),
        (1003, "一千零三"),
        (10_000, "一万"),
        (10_050, "一万零五十"),
        (12_500, "一万二千五百"),
        (110_000, "十一万"),
        (100_010_000, "一亿零一万"),
        (3_040_500, "三百零四万零五百"),
    ],
)
def test_a_number_is_said_as_a_clerk_says_it(value: int, said: str) -> None:
    assert number(value) == said


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="range"):
        number(-1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026年11月3日", "二零二六年十一月三日"),
        ("欠3500元", "欠三千五百元"),
        ("12.5%", "百分之十二点五"),
        ("打12366", "打一二三六六"),
        ("尾号0412", "尾号零四一二"),
    ],
)
def test_digits_in_a_line_are_said(text: str, said: str) -> None:
    assert say_numbers(text) == said
