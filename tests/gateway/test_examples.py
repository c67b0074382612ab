from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.examples import Example, alike, leaked, missing, read_examples, repeated, templates

pytestmark = pytest.mark.unit


def lines(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(text, intent, f"{intent}.yml:{place}") for place, (text, intent) in enumerate(pairs, 1)]


def test_lines_know_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - 你好\n    - 喂\n', encoding="utf-8"
    )
    assert read_examples(tmp_path) == [Example("你好", "greet", "a.yml:5"), Example("喂", "greet", "a.yml:6")]


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("nlu: [1]\n", encoding="utf-8")
    with pytest.raises(ValueError, match="b.yml"):
        read_examples(tmp_path)


def test_a_repeated_line_is_found_whatever_its_punctuation() -> None:
    found = repeated(lines(("怎么缴？", "pay"), ("怎么缴", "pay"), ("怎么 缴", "other")))
    assert ["重复" in found[0].words, "矛盾" in found[1].words] == [True, True]


def test_a_line_of_an_evaluation_set_may_not_be_learned() -> None:
    assert leaked(lines(("我欠多少税", "a")), lines(("我欠多少税？", "a")))
    assert not leaked(lines(("好", "a")), lines(("好", "a")))


def test_lines_that_differ_in_a_number_are_one() -> None:
    assert templates(lines(("两万块晚十天多少钱", "a"), ("三万块晚五天多少钱", "a")))
    assert not templates(lines(("两万块晚十天多少钱", "a"), ("两万块晚十天多少钱", "b")))


def test_near_duplicates_and_contradictions() -> None:
    examples = lines(
        ("滞纳金到底怎么算的啊", "a"), ("滞纳金到底怎么算", "a"), ("滞纳金到底怎么算呢", "b"), ("退税", "b")
    )
    found = [problem.words for problem in alike(examples, frozenset())]
    assert sum("意图不同" in words for words in found) == 2 and len(found) == 3
    left = frozenset({frozenset(("滞纳金到底怎么算的啊", "滞纳金到底怎么算"))})
    assert len(alike(examples, left)) == 2


def test_one_wrong_letter_in_a_long_line_is_found() -> None:
    examples = lines(
        ("我想问一下滞纳金到底怎么算", "a"),
        ("我想问一下滞纳金到底怎样算", "b"),
        ("我想问一下发票怎么开", "b"),
    )
    assert len(alike(examples, frozenset())) == 1


def test_short_words_that_differ_in_a_particle_are_left() -> None:
    assert not alike(lines(("可以", "a"), ("可以噻", "a"), ("可以额", "a")), frozenset())


def test_an_intent_needs_lines_and_a_description() -> None:
    described = "**a.** Text: 「x」. Near misses: 「y」 is b; 「z」 is c.\n\n**b.** Text.\n\n"
    found = [str(p) for p in missing(lines(("x", "a"), ("y", "d")), ["a", "b", "c"], described, least=1)]
    assert any("b.yml" in p and "只有0句" in p for p in found)
    assert any("d.yml" in p and "domain.yml" in p for p in found)
    assert any("缺少意图 c" in p for p in found)
    assert any("意图 b" in p and "易混" in p for p in found)
    assert not any("意图 a " in p for p in found)


def test_the_training_data_is_sound() -> None:
    from gateway.cli.main import app

    done = CliRunner().invoke(app, ["data", "check"])
    assert done.exit_code == 0, done.output
