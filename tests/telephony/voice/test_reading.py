from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.voice.phones import symbols
from telephony.voice.polyphones import read
from telephony.voice.reading import Rest, reading
from telephony.voice.spoken import spoken
from telephony.voice.weights import phone_table

pytestmark = pytest.mark.unit

NUMBERS, PARTS = phone_table()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("重复申报", "chong2 fu4 shen1 bao4"),
        ("重点", "zhong4 dian3"),
        ("税率", "shui4 lv4"),
        ("应纳税所得额", "ying1 na4 shui4 suo3 de2 e2"),
        ("应对", "ying4 dui4"),
        ("补缴", "bu3 jiao3"),
        ("发票", "fa1 piao4"),
        ("银行", "yin2 hang2"),
        ("行政处罚", "xing2 zheng4 chu3 fa2"),
        ("办税处", "ban4 shui4 chu4"),
        ("还款", "huan2 kuan3"),
        ("还没有还清", "hai2 mei2 you3 huan2 qing1"),
        ("还是", "hai2 shi4"),
        ("差额", "cha1 e2"),
        ("差旅费", "chai1 lv3 fei4"),
        ("调整", "tiao2 zheng3"),
        ("调查", "diao4 cha2"),
        ("参与", "can1 yu4"),
        ("局长", "ju2 zhang3"),
        ("延长", "yan2 chang2"),
        ("税种", "shui4 zhong3"),
        ("您得去", "nin2 dei3 qu4"),
        ("得到", "de2 dao4"),
        ("交不了", "jiao1 bu4 liao3"),
        ("单女士", "shan4 nv3 shi4"),
        ("简单", "jian3 dan1"),
        ("会计", "kuai4 ji4"),
        ("成都", "cheng2 du1"),
    ],
)  # fmt: skip
def test_tax_words_have_their_right_readings(text: str, said: str) -> None:
    assert read(text) == said.split()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("不会", "bu2 hui4"),
        ("不好", "bu4 hao3"),
        ("一万", "yi2 wan4"),
        ("一千", "yi4 qian1"),
        ("第一", "di4 yi1"),
        ("十一月一日", "shi2 yi1 yue4 yi1 ri4"),
        ("一百一十", "yi4 bai3 yi1 shi2"),
        ("统一", "tong3 yi1"),
        ("可以", "ke2 yi3"),
        ("我给您", "wo2 gei3 nin2"),
        ("补缴，两点", "bu2 jiao3 liang2 dian3"),
    ],
)
def test_tones_change_as_in_speech(text: str, said: str) -> None:
    heard = [syllable for word in reading(text) for syllable in word.syllables]
    assert heard == said.split()


def test_tones_do_not_change_across_a_pause() -> None:
    assert [word.syllables[-1] for word in reading("你好，好") if word.rest is Rest.COMMA] == ["hao3"]


def test_marks_become_rests_and_letters_are_kept_for_spelling() -> None:
    words = reading("编号YQ二零二六 杠 零一，请核对。")
    assert [(word.signs, word.rest) for word in words if word.rest] == [
        ("二零二六", Rest.SHORT),
        ("杠", Rest.SHORT),
        ("零一", Rest.COMMA),
        ("请核对", Rest.STOP),
    ]
    assert ("YQ", ("Y", "Q")) in [(word.signs, word.syllables) for word in words]


def test_phones_follow_the_scheme_of_the_voice() -> None:
    assert symbols(reading("您好，税率"), PARTS) == [
        *("sil", "n", "in2", "#0", "h", "ao3", "#3"),
        *("sh", "uei4", "#0", "l", "v4", "sil", "eos"),
    ]


def test_every_letter_and_every_reading_has_phones() -> None:
    said = reading("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    phones = symbols(said, PARTS)
    assert set(phones) <= NUMBERS.keys()
    assert phones.count("#0") >= 25


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        st.sampled_from("一不零幺百万嗯呣噷诶唷儿王您好可以税率缴还了得，。 ABZ09-")
        | st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
        max_size=40,
    )
)
def test_whatever_is_said_the_voice_knows_its_phones(text: str) -> None:
    phones = symbols(reading(spoken(text)), PARTS)
    assert set(phones) <= NUMBERS.keys()
    assert phones[0] == "sil" and phones[-2:] == ["sil", "eos"]
