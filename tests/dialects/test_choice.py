from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dialects.acoustic import ModelError, Models
from dialects.choice import MultiPackRecogniser
from dialects.ear import Ear
from dialects.pack import all_packs
from dialects.prior import prior
from dialects.transcribing import no_idea, transcribe
from tests.dialects.fake_vosk import Alternatives, ear

pytestmark = pytest.mark.unit
SOUND = b"\0\0" * 16_000
WORDS = "我 想 问 一 下"
"""1.5 seconds in the fake."""


class EveryModel(Models):
    """Has every model, without files."""

    def has(self, name: str) -> bool:
        return True


class Ears:
    """Makes ears by script and counts them; a model without a script cannot be used."""

    def __init__(self, **scripts: Sequence[Alternatives]) -> None:
        self._scripts = {name: list(script) for name, script in scripts.items()}
        self.made: list[str] = []

    def __call__(self, name: str) -> Ear:
        if name not in self._scripts:
            raise ModelError(f"没有语音模型 {name}")
        self.made.append(name)
        script, self._scripts[name] = self._scripts[name], []
        return ear(*script)


def _scored(score: float, words: str = WORDS) -> Alternatives:
    return [(words, score)]


def _call(region: str, ears: Ears, workers: ThreadPoolExecutor | None = None) -> MultiPackRecogniser:
    packs = all_packs()
    return MultiPackRecogniser(packs, EveryModel(Path()), prior(packs, region), ears, workers)


def _say(recogniser: MultiPackRecogniser) -> str:
    recogniser.accept(SOUND)
    return recogniser.finish().pack


def test_one_model_decodes_where_nothing_speaks_for_another() -> None:
    ears = Ears(mandarin=[_scored(80.0)])
    recogniser = _call("北京市", ears)
    assert not recogniser.undecided and _say(recogniser) == "mandarin"
    assert ears.made == ["mandarin"]


def test_two_decode_until_the_better_one_leads_clearly() -> None:
    ears = Ears(mandarin=[_scored(70.0)] * 6, sichuan=[_scored(90.0)] * 6)
    recogniser = _call("成都市", ears)
    assert recogniser.undecided
    heard = []
    while recogniser.undecided:
        heard.append(_say(recogniser))
    assert set(heard) == {"sichuan"} and 1 <= len(heard) <= 4
    assert recogniser.pack == "sichuan" and _say(recogniser) == "sichuan"


def test_the_region_is_outvoted_by_what_is_heard() -> None:
    ears = Ears(mandarin=[_scored(90.0)] * 6, sichuan=[_scored(70.0)] * 6)
    recogniser = _call("成都市", ears)
    while recogniser.undecided:
        _say(recogniser)
    assert recogniser.pack == "mandarin"
    before = recogniser.choice.remember()
    assert before.pack == "mandarin" and before.utterances >= 1
    odds = prior(all_packs(), "成都市", before=before)
    assert odds["sichuan"] < prior(all_packs(), "成都市")["sichuan"]


def test_a_word_that_is_too_short_proves_nothing() -> None:
    ears = Ears(mandarin=[_scored(1.0, "嗯")] * 3, sichuan=[_scored(90.0, "嗯")] * 3)
    recogniser = _call("成都市", ears)
    odds = dict(recogniser.choice.odds)
    _say(recogniser)
    assert recogniser.choice.odds == odds and recogniser.undecided


def test_what_is_heard_badly_brings_the_others_back_in_mid_call() -> None:
    bad = [(WORDS, 60.0)] + [(f"你 能 {a} {b} 吗", 60.0) for a, b in ("去跑", "来找", "看见", "听见", "走开")]
    ears = Ears(mandarin=[bad] * 8, sichuan=[_scored(90.0)] * 8, cantonese=[_scored(70.0)] * 8)
    recogniser = _call("北京市", ears)
    packs = []
    for _ in range(8):
        packs.append(_say(recogniser))
    assert packs[0] == "mandarin" and packs[-1] == "sichuan"


def test_dialect_words_choose_between_packs_that_share_a_model() -> None:
    ears = Ears(mandarin=[_scored(80.0, "咋整 啊 嗯呐 俺 寻思 寻思"), _scored(80.0, "嘎哈 呢 咋整")])
    recogniser = _call("沈阳市", ears)
    assert recogniser.pack == "mandarin" and not recogniser.undecided
    _say(recogniser)
    _say(recogniser)
    assert recogniser.pack == "northeast" and ears.made == ["mandarin"]


def test_a_pack_that_is_asked_for_is_used_from_the_next_utterance_on() -> None:
    ears = Ears(mandarin=[_scored(80.0)] * 2, cantonese=[_scored(80.0)])
    recogniser = _call("北京市", ears)
    recogniser.accept(SOUND)
    recogniser.switch("cantonese")
    assert recogniser.finish().pack == "mandarin"
    assert recogniser.pack == "cantonese" and not recogniser.undecided
    assert _say(recogniser) == "cantonese"
    with pytest.raises(KeyError):
        recogniser.switch("martian")


def test_a_damaged_model_does_not_end_the_call() -> None:
    recogniser = _call("成都市", Ears(mandarin=[_scored(80.0)] * 2))
    assert not recogniser.undecided
    assert _say(recogniser) in ("mandarin", "sichuan")
    with pytest.raises(ModelError):
        _call("成都市", Ears())


def test_a_second_thread_changes_nothing_but_time() -> None:
    scripts = {"mandarin": [_scored(70.0), _scored(75.0)], "sichuan": [_scored(90.0), _scored(88.0)]}
    with ThreadPoolExecutor(1) as workers:
        calls = [_call("成都市", Ears(**scripts), each) for each in (None, workers)]
        for call in calls:
            _say(call)
            _say(call)
    assert calls[0].choice.odds == calls[1].choice.odds


def test_the_expectation_holds_across_packs() -> None:
    said = "幺 二 三 四 五 六"
    ears = Ears(mandarin=[_scored(70.0, said)] * 2, sichuan=[_scored(90.0, said)] * 2)
    recogniser = _call("成都市", ears)
    recogniser.expect("digits", digits=6)
    for _ in range(2):
        recogniser.accept(SOUND)
        assert recogniser.partial() == "幺二三四五六"
        assert recogniser.finish().text == "123456"


def test_a_recording_of_somebody_unknown_chooses_its_pack_itself() -> None:
    packs = all_packs()

    def heard(mandarin: float, sichuan: float) -> str:
        ears = Ears(
            mandarin=[_scored(mandarin)] * 2,
            sichuan=[_scored(sichuan)] * 2,
            cantonese=[_scored(mandarin)] * 2,
        )
        found = transcribe([SOUND, SOUND], packs, EveryModel(Path()), no_idea(packs), make_ear=ears)
        assert found.raw == "我想问一下" * 2
        return found.pack

    assert heard(80.0, 80.0) == "mandarin"
    assert heard(70.0, 90.0) == "sichuan"


def test_a_recording_without_words_is_empty() -> None:
    packs = {"mandarin": all_packs()["mandarin"]}
    found = transcribe([SOUND], packs, EveryModel(Path()), {"mandarin": 0.0}, make_ear=Ears(mandarin=[[]]))
    assert (found.text, found.confidence, found.pack) == ("", 0.0, "mandarin")
