from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dialects.lexicon import PACKS, Entry, Normaliser, TableError, read_table, shared_normaliser

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("written", "mandarin"),
    [
        ("我欠几多钱", "我欠多少钱"),
        ("啥子时候到期", "什么时候到期"),
        ("咋个缴", "怎么缴"),
        ("啥辰光到期", "什么时候到期"),
        ("支拿金怎么算", "滞纳金怎么算"),
        ("我要言期", "我要延期"),
        ("唔该", "谢谢"),
    ],
)
def test_what_is_written_by_ear_becomes_mandarin(written: str, mandarin: str) -> None:
    assert shared_normaliser().apply(written) == mandarin


@pytest.mark.parametrize(
    "text",
    [
        "系统出了问题",
        "这跟我没关系",
        "请联系我",
        "请勿打扰",
        "中国银行的卡能不能用",
        "中午再打给我",
        "集中申报期到几号",
        "金额不对，数额和余额都不对",
        "无法登录电子税务局",
        "整理好材料再去",
        "介绍一下缓缴政策",
        "无论如何先查一下税款",
        "调整后的销售额",
        "关系户也要缴税吗",
        "经济困难",
        "您好，请问增值税什么时候截止",
        "公司地址在中山路一号",
        "我想咨询企业所得税汇算清缴",
    ],
)
def test_mandarin_is_left_alone(text: str) -> None:
    assert shared_normaliser().apply(text) == text


def test_every_table_can_be_read() -> None:
    tables = sorted(PACKS.glob("*/*.tsv"))
    assert len(tables) >= 7
    for table in tables:
        assert len(read_table(table)) >= 50, table


def test_the_articles_stay_what_they_are() -> None:
    """Official wording holds no dialect: at most a word in a hundred lines may be touched."""
    titles = [
        yaml.safe_load(path.read_text(encoding="utf-8").split("---")[1])["title"]
        for path in (ROOT / "kb" / "articles").glob("*.md")
    ]
    changed = [title for title in titles if shared_normaliser().apply(title) != title]
    assert len(changed) <= len(titles) // 50, changed


def test_the_longest_word_wins_and_exceptions_hold() -> None:
    normaliser = Normaliser([Entry("系", "是", ("系统",)), Entry("唔系", "不是"), Entry("啦", "")])
    assert normaliser.apply("唔系我，系佢，系统坏啦") == "不是我，是佢，系统坏"


def test_nothing_becomes_empty() -> None:
    assert Normaliser([Entry("啦", "")]).apply("啦啦") == "啦啦"


@given(st.text(max_size=40))
def test_any_text_is_survived(text: str) -> None:
    assert isinstance(shared_normaliser().apply(text), str)


@pytest.mark.parametrize("body", ["一\n", "一\t二\n一\t三\n", "\t二\n"])
def test_a_bad_table_is_refused_with_its_place(tmp_path: Path, body: str) -> None:
    path = tmp_path / "lexicon.tsv"
    path.write_text(f"written\tmandarin\tunless\n{body}", encoding="utf-8")
    with pytest.raises(TableError, match=r"lexicon\.tsv:[23]"):
        read_table(path)
