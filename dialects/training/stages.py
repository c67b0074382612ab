"""The stages that train: each takes files and leaves one ``.mdl``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from dialects.training import nnet3, recordings, speech
from dialects.training.features import mfcc
from dialects.training.network import AcousticNet, folded, padded, unfolded
from dialects.training.nnet3 import Network, priors_from
from dialects.training.speech import Utterance
from dialects.training.train import Frames, Plan, aligned, prepared, train

if TYPE_CHECKING:
    from dialects.training.build import Recipe

_SAMPLE = 60
_FIRST_RATE, _REFINE_RATE, _ADAPT_RATE = 2e-3, 1e-3, 5e-4
_WORDS = 1500


def first(plain: Sequence[Path], recipe: Recipe, out: Path, minutes: float = float("inf")) -> None:
    """A network from nothing, on speech whose phones are timed exactly."""
    frames = prepared(speech.load_all(plain), 1, 1)
    net = AcousticNet()
    every = torch.cat([frames.batch([i])[0][0].T for i in range(0, len(frames), max(len(frames) // 200, 1))])
    net.mean.copy_(every.mean(0))
    net.scale.copy_(every.std(0) + 1e-3)
    _finish(net, frames, Plan(recipe.first_epochs, _FIRST_RATE, minutes=minutes), out)


def rough(
    start: Path,
    plain: Sequence[Path],
    speakers: Sequence[Path],
    recipe: Recipe,
    out: Path,
    minutes: float = float("inf"),
) -> None:
    """A few passes over many speakers, aligned by a network that has heard only one: good enough to align them anew."""
    exact = speech.load_all(plain)
    net, priors = opened(start, exact)
    frames = prepared(exact[::2], 1, 6)
    frames = prepared(aligned(net, priors, speech.load_all(speakers), worst=0.2), 1, 7, into=frames)
    _finish(net, frames, Plan(recipe.rough_epochs, _REFINE_RATE, minutes=minutes), out)


def refined(
    start: Path,
    plain: Sequence[Path],
    speakers: Sequence[Path],
    words: Path | None,
    recipe: Recipe,
    out: Path,
    minutes: float = float("inf"),
) -> None:
    """Go on with all speech: many speakers and single recorded words, aligned by the network at ``start``."""
    exact = speech.load_all(plain)
    net, priors = opened(start, exact)
    others = aligned(net, priors, speech.load_all(speakers))
    frames = prepared(exact, recipe.copies, 2)
    frames = prepared(others, 3 * recipe.copies, 3, into=frames)
    if words is not None:
        files = [
            (path, word)
            for path, word in recordings.words_in_names(words).items()
            if not recordings.kept_aside(word)
        ]
        chosen = dict(files[:: max(len(files) // _WORDS, 1)])
        human = aligned(net, priors, recordings.read(chosen, "human").utterances, worst=0.15)
        frames = prepared(human, recipe.copies, 8, into=frames)
    _finish(net, frames, Plan(recipe.epochs, _REFINE_RATE, minutes=minutes), out)


def accented(
    start: Path,
    accent: Sequence[Path],
    accent_speakers: Sequence[Path],
    plain: Sequence[Path],
    speakers: Sequence[Path],
    recipe: Recipe,
    out: Path,
    minutes: float = float("inf"),
) -> None:
    """Go on with accented speech of one voice and of many, and some standard speech so that it is not forgotten."""
    own = speech.load_all(accent)
    net, priors = opened(start, own)
    rest = [*speech.load_all(plain), *aligned(net, priors, speech.load_all(speakers))]
    others = aligned(net, priors, speech.load_all(accent_speakers))
    frames = prepared(own, recipe.copies, 4)
    frames = prepared(others, 2 * recipe.copies, 9, into=frames)
    frames = prepared(rest, 1, 5, into=frames)
    _finish(net, frames, Plan(recipe.accent_epochs, _ADAPT_RATE, minutes=minutes), out)


def opened(model: Path, sample: Sequence[Utterance]) -> tuple[AcousticNet, NDArray[np.float32]]:
    """A network to go on with, and its priors; ``sample`` gives the statistics."""
    plain = nnet3.read(model.read_bytes())
    draw = np.random.default_rng(0)
    chosen = [sample[int(i)] for i in draw.permutation(len(sample))[:_SAMPLE]]
    batches = [torch.from_numpy(padded(mfcc(u.audio.astype(np.float32)))).T[None] for u in chosen]
    return unfolded(plain, batches), plain.priors


def _finish(net: AcousticNet, frames: Frames, plan: Plan, out: Path) -> None:
    right = train(net, frames, plan)
    print(f"{out.name}: {len(frames)} windows, {right:.1%} of the labels right", flush=True)
    save(folded(net, priors_from(frames.counts.tolist())), out)


def save(network: Network, out: Path) -> None:
    """Write a ``.mdl`` whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    part.write_bytes(nnet3.write(network))
    part.replace(out)
