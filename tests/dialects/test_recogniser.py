from __future__ import annotations

import pytest

from dialects.acoustic import Models
from dialects.ear import LONGEST_S, Ear
from dialects.finishing import Expectation, finish
from dialects.heard import Recogniser
from dialects.nbest import Hypothesis
from dialects.pack import all_packs
from dialects.recogniser import PackRecogniser
from tests.dialects.fake_vosk import Alternatives, FakeEngine, ear

pytestmark = pytest.mark.unit
SOUND = b"\0\0" * 16_000


def _recogniser(*script: Alternatives, pack: str = "mandarin") -> Recogniser:
    return PackRecogniser(all_packs()[pack], Models(), lambda name: ear(*script))


def _hear(recogniser: Recogniser) -> str:
    recogniser.accept(SOUND)
    return recogniser.finish().text


def test_an_utterance_is_repaired_and_its_numbers_restored() -> None:
    recogniser = _recogniser(
        [("支 拿 金 五 万 三 千 块", 9.0), ("支 那 金 五 万 三 千 块", 8.9), ("只 拿 金 五 万 三 千 块", 8.9)]
    )
    recogniser.accept(SOUND)
    assert recogniser.partial() == "支拿金五万三千块"
    heard = recogniser.finish()
    assert heard.raw == "支拿金五万三千块"
    assert heard.text == "滞纳金53000块" and heard.repaired
    assert heard.pack == "mandarin"
    assert [word.text for word in heard.words] == list("支拿金五万三千块")
    assert recogniser.partial() == ""


def test_digits_are_asked_for_until_something_else_is() -> None:
    two = [("幺 二 三 四", 3.0)]
    recogniser = _recogniser(two, two, two)
    recogniser.expect("digits", digits=4)
    assert [_hear(recogniser), _hear(recogniser)] == ["1234", "1234"]
    recogniser.expect("open")
    assert _hear(recogniser) == "幺二三四"


def _again(freely: Alternatives, as_digits: Alternatives) -> PackRecogniser:
    recogniser = PackRecogniser(
        all_packs()["mandarin"], Models(), lambda name: ear(freely, freely), lambda name: ear(as_digits)
    )
    recogniser.expect("digits", digits=4)
    return recogniser


def test_digits_that_were_heard_as_words_are_heard_again_as_digits() -> None:
    recogniser = _again([("甭 英 请 五", 107.0)], [("七 幺 九 五", 104.0)])
    recogniser.accept(SOUND)
    heard = recogniser.finish()
    assert (heard.text, heard.raw, heard.repaired) == ("7195", "甭英请五", True)
    recogniser.expect("open")
    assert _hear(recogniser) == "甭英请五"


def test_words_are_not_forced_into_digits() -> None:
    assert _hear(_again([("我 不 知 道", 108.0)], [("五 六 七 零", 38.0)])) == "我不知道"


def _behind(freely: Alternatives, rest: Alternatives, as_digits: Alternatives) -> tuple[str, float]:
    """What comes of words and then ``rest``, heard again as digits, and seconds of sound that were heard again."""
    ears = [ear(freely), ear(rest)]
    digits = FakeEngine([as_digits])
    recogniser = PackRecogniser(
        all_packs()["mandarin"], Models(), lambda name: ears.pop(0), lambda name: Ear(digits)
    )
    recogniser.expect("digits", digits=4)
    recogniser.accept(3 * SOUND)
    return recogniser.finish().text, digits.clock


def test_digits_behind_words_are_heard_again_alone() -> None:
    freely = [("我 想想 是 军营 被 吧", 120.0)]
    found, seconds = _behind(freely, [("军营 被 吧", 60.0)], [("九 零 八 八", 55.0)])
    assert found == "9088"
    # Three words of 0.3 s stood before them.
    assert seconds == pytest.approx(3 - 0.9 + 0.04)


def test_words_behind_words_are_no_digits() -> None:
    freely = [("等 我 想想 放 在 哪 了", 120.0)]
    assert not _behind(freely, [("放 在 哪 了", 80.0)], [("八 三 一 零", 10.0)])[0].isdigit()


def test_digits_heard_behind_words_stay_as_they_are() -> None:
    found, seconds = _behind([("呃 六 九 九 三", 90.0)], [], [("二 六 九 三", 90.0)])
    assert found == "呃6993" and seconds == 0


def test_too_many_digits_are_no_answer() -> None:
    assert _hear(_again([("请 九 七 六 七", 100.0)], [("七 九 七 六 七", 100.0)])) == "请9767"


def test_the_number_of_digits_chooses_among_what_was_heard() -> None:
    recogniser = _recogniser([("幺 二 三", 3.0), ("幺 二 三 四", 2.5), ("幺 二 三 四 五", 2.4)])
    recogniser.expect("digits", digits=4)
    recogniser.accept(SOUND)
    heard = recogniser.finish()
    assert heard.text == "1234" and heard.repaired
    assert heard.alternatives == ("123", "12345")


def test_a_caller_who_says_something_else_than_digits_is_heard() -> None:
    recogniser = _recogniser([("我 不 记得 了", 3.0)])
    recogniser.expect("digits", digits=4)
    assert _hear(recogniser) == "我不记得了"


def test_silence_is_an_empty_utterance() -> None:
    recogniser = _recogniser([])
    assert recogniser.finish().text == ""
    recogniser.accept(SOUND)
    heard = recogniser.finish()
    assert (heard.text, heard.confidence, heard.words, heard.repaired) == ("", 0.0, (), False)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="16-bit"):
        ear().accept(b"\0\0\0")


def test_a_caller_who_goes_on_for_ever_is_cut_at_a_pause_and_loses_nothing() -> None:
    engine = FakeEngine([[("先 说", 2.0)], [("再 说", 1.0)]])
    one = Ear(engine)
    engine.pause = 1
    one.accept(b"\0\0" * int(16_000 * LONGEST_S))
    assert one.partial() == "先说"
    one.accept(b"\0\0" * 1_600)
    assert one.partial() == "先说再说"
    heard = one.finish()
    assert heard.text == "先说再说"
    assert heard.words[2].began_ms == pytest.approx(1000 * (LONGEST_S + 0.1), abs=1)


def test_times_of_a_later_utterance_count_from_its_own_beginning() -> None:
    one = ear([("喂", 1.0)], [("你 好", 1.0)])
    for _ in range(2):
        one.accept(SOUND)
        heard = one.finish()
    assert [(word.began_ms, word.ended_ms) for word in heard.words] == [(0, 300), (300, 600)]


def test_alternatives_are_treated_likewise_and_never_repeat_the_text() -> None:
    heard = Hypothesis("交五千块", (1.0,) * 4, (), ("叫五千块", "交五千块钱"), 1.0, 900)
    said = finish(heard, all_packs()["mandarin"], Expectation())
    assert said.text == "交5000块"
    assert said.text not in said.alternatives and "交5000块钱" in said.alternatives


@pytest.mark.parametrize(
    ("best", "others", "text"),
    [
        ("递", ("地", "对"), "对"),
        ("情", ("行",), "情"),
        ("批", ("是", "七"), "批"),
        ("对", ("递",), "对"),
        ("我想想", ("对",), "我想想"),
    ],
)
def test_a_yes_or_no_that_was_asked_for_is_taken_from_its_neighbours_in_sound_only(
    best: str, others: tuple[str, ...], text: str
) -> None:
    heard = Hypothesis(best, (0.6,) * len(best), (), others, 1.0, 300)
    expected = Expectation("yes_no", ("是", "是的", "对", "不是", "不对"))
    assert finish(heard, all_packs()["mandarin"], expected).text == text
    assert finish(heard, all_packs()["mandarin"], Expectation()).raw == best


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        ("零幺武器", "0157"),
        ("就把其二", "9872"),
        ("武器零", "武器零"),
        ("武器零事", "5704"),
        ("武器零十", "武器零十"),
        ("我的武器", "我的武器"),
    ],
)
def test_digits_that_were_asked_for_are_taken_from_words_that_sound_like_them(heard: str, text: str) -> None:
    found = finish(
        Hypothesis(heard, (0.9,) * len(heard), (), (), 1.0, 900),
        all_packs()["mandarin"],
        Expectation("digits", (), 4),
    )
    assert found.raw == heard
    assert found.text == text if text.isdigit() else not found.text.isdigit() or len(found.text) != 4
