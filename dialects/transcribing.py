"""Recorded utterances of one speaker to text, heard with every model there is where the pack is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dialects.acoustic import Models
from dialects.choice import Choice
from dialects.ear import BYTES_PER_S
from dialects.ears import EarMaker, ear_maker
from dialects.finishing import Expectation, finish
from dialects.heard import Heard
from dialects.nbest import Hypothesis
from dialects.pack import DEFAULT, Pack

UNKNOWN = -0.5
"""Log-odds of a pack with a model of its own where nothing at all is known of the speaker."""
_STEP = BYTES_PER_S // 5


@dataclass(frozen=True)
class Transcript:
    """What was said: the texts of the utterances joined, the mean confidence over their characters, and the pack."""

    text: str
    raw: str
    confidence: float
    pack: str


def no_idea(packs: Mapping[str, Pack]) -> dict[str, float]:
    """Odds for :func:`transcribe` where neither region nor number is known: the recording decides."""
    return {name: 0.0 if name == DEFAULT else UNKNOWN for name, pack in packs.items() if not pack.borrows}


def transcribe(
    utterances: Sequence[bytes],
    packs: Mapping[str, Pack],
    models: Models,
    odds: Mapping[str, float],
    expected: Expectation | None = None,
    make_ear: EarMaker | None = None,
) -> Transcript:
    """``utterances`` are 16 kHz mono, signed 16 bit, of one speaker; ``packs`` those that may be his or hers.

    Raises:
        ModelError: the model of a pack cannot be used.
    """
    choice = Choice(packs, dict(odds), {name: models.name_for(pack) for name, pack in packs.items()})
    ears = {name: (make_ear or ear_maker(models))(name) for name in dict.fromkeys(choice.models.values())}
    heard: list[dict[str, Hypothesis]] = []
    for pcm in utterances:
        found: dict[str, Hypothesis] = {}
        for name, ear in ears.items():
            for start in range(0, len(pcm), _STEP):
                ear.accept(pcm[start : start + _STEP])
            found[name] = ear.finish()
        heard.append(found)
        one = choice.best.name
        for other in _one_a_model(choice, one):
            choice.compare(one, found[choice.models[one]], other, found[choice.models[other]])
        choice.hear(found[choice.models[choice.best.name]], choice.best)
    pack = choice.best
    model = choice.models[pack.name]
    return _joined([finish(each[model], pack, expected or Expectation()) for each in heard], pack)


def _one_a_model(choice: Choice, best: str) -> Iterable[str]:
    by_model = {choice.models[name]: name for name in choice.packs}
    return [name for model, name in by_model.items() if model != choice.models[best]]


def _joined(heard: Sequence[Heard], pack: Pack) -> Transcript:
    spoken = [each for each in heard if each.text]
    signs = sum(len(each.raw) for each in spoken)
    sure = sum(each.confidence * len(each.raw) for each in spoken) / signs if signs else 0.0
    return Transcript(
        "".join(each.text for each in spoken),
        "".join(each.raw for each in spoken),
        round(sure, 4),
        pack.name,
    )
