"""Trains the network on labelled frames: cross-entropy, label smoothing, one cosine-shaped learning rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from dialects.training.align import forced, labels, named
from dialects.training.augment import Damage, damaged
from dialects.training.features import mfcc
from dialects.training.network import AcousticNet, log_posteriors
from dialects.training.nnet3 import CONTEXT, STRIDE
from dialects.training.phones import OUTPUTS
from dialects.training.speech import RATE, Utterance

_WINDOW = 80
_FRAMES = STRIDE * (_WINDOW - 1) + 1 + 2 * CONTEXT
_SMOOTHING = 0.03
_IGNORED = -1
_LEAD_S = 0.1
_LEVEL = 3000.0


@dataclass(frozen=True)
class Plan:
    """``epochs`` passes in batches of ``batch`` windows of 2.4 s; ``minutes`` caps the time (the rate falls sooner)."""

    epochs: float
    rate: float = 2e-3
    batch: int = 48
    minutes: float = math.inf
    seed: int = 0


class Frames:
    """Windows of features and labels, kept as half floats."""

    def __init__(self) -> None:
        self._features: list[NDArray[np.float16]] = []
        self._labels: list[NDArray[np.int16]] = []
        self._windows: list[tuple[int, int, int]] = []
        self.counts = np.zeros(len(OUTPUTS))

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, features: NDArray[np.float32], wanted: NDArray[np.int16]) -> None:
        """One utterance: frames × 40, one label every three."""
        if len(wanted) < STRIDE:
            return
        windows = -(-len(wanted) // _WINDOW)
        total = windows * _WINDOW
        behind = max(STRIDE * (total - 1) + 1 + CONTEXT - len(features), 0)
        self._features.append(np.pad(features, ((CONTEXT, behind), (0, 0)), mode="edge").astype(np.float16))
        self._labels.append(np.pad(wanted, (0, total - len(wanted)), constant_values=_IGNORED))
        number = len(self._features) - 1
        self._windows += [(number, STRIDE * w * _WINDOW, w * _WINDOW) for w in range(windows)]
        self.counts += np.bincount(wanted, minlength=len(OUTPUTS))

    def batch(self, chosen: Iterable[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (batch × 40 × frames) and labels (batch × labels; −1 is to be ignored)."""
        xs, ys = [], []
        for index in chosen:
            number, frame, label = self._windows[index]
            xs.append(self._features[number][frame : frame + _FRAMES])
            ys.append(self._labels[number][label : label + _WINDOW])
        return torch.from_numpy(np.stack(xs)).float().transpose(1, 2), torch.from_numpy(np.stack(ys)).long()


def prepared(
    utterances: Sequence[Utterance],
    copies: int,
    seed: int,
    damage: Damage | None = None,
    into: Frames | None = None,
) -> Frames:
    """Each aligned utterance ``copies`` times, damaged anew each time."""
    frames = into or Frames()
    draw = np.random.default_rng(seed)
    for _ in range(copies):
        for utterance in utterances:
            samples, lead, factor = damaged(utterance, draw, utterances, damage)
            features = mfcc(samples)
            frames.add(features, labels(utterance.intervals, len(features), lead, factor))
    return frames


def aligned(
    net: AcousticNet, priors: NDArray[np.float32], utterances: Iterable[Utterance], worst: float = 0.08
) -> list[Utterance]:
    """Those without intervals get them by forced alignment; the ``worst`` scoring share is dropped as badly spoken."""
    log_priors = np.log(priors)
    found: list[tuple[float, Utterance]] = []
    for utterance in utterances:
        level = float(np.sqrt((utterance.audio.astype(np.float64) ** 2).mean())) + 1.0
        lead = np.zeros(int(_LEAD_S * RATE), np.float32)
        samples = np.concatenate(
            [lead, utterance.audio.astype(np.float32) * np.float32(_LEVEL / level), lead]
        )
        result = forced(log_posteriors(net, mfcc(samples)) - log_priors, utterance.said or utterance.phones)
        if result is not None:
            spans = tuple(
                (p, max(b - _LEAD_S, 0.0), e - _LEAD_S)
                for p, b, e in named(result[0], utterance.phones)
                if e > _LEAD_S
            )
            found.append((result[1], replace(utterance, intervals=spans)))
    if not found:
        return []
    least = float(np.quantile([score for score, _ in found], worst))
    return [utterance for score, utterance in found if score >= least]


def _progress(line: str) -> None:
    print(line, flush=True)


def train(net: AcousticNet, frames: Frames, plan: Plan, say: Callable[[str], None] = _progress) -> float:
    """Train in place; the share of labels got right on windows kept aside (one in fifty)."""
    torch.manual_seed(plan.seed)
    order = np.random.default_rng(plan.seed).permutation(len(frames))
    aside, used = order[: len(order) // 50 + 1], order[len(order) // 50 + 1 :]
    steps = max(int(plan.epochs * len(used) / plan.batch), 1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-3)
    began = time.monotonic()
    draw = np.random.default_rng(plan.seed + 1)
    step, loss_sum = 0, 0.0
    net.train()
    while True:
        mixed = draw.permutation(used)
        for at in range(0, max(len(mixed) - plan.batch + 1, 1), plan.batch):
            progress = max(step / steps, (time.monotonic() - began) / 60 / plan.minutes)
            if progress >= 1:
                net.eval()
                return accuracy(net, frames, aside)
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * _shape(progress)
            x, y = frames.batch(mixed[at : at + plan.batch].tolist())
            # Half precision is emulated, ten times slower, on processors without it.
            loss = functional.cross_entropy(net(x), y, ignore_index=_IGNORED, label_smoothing=_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            step += 1
            loss_sum += loss.item()
            if step % 50 == 0:
                say(f"step {step}/{steps} loss {loss_sum / 50:.3f} {time.monotonic() - began:.0f} s")
                loss_sum = 0.0


def _shape(progress: float) -> float:
    warm = min(1.0, progress / 0.05 + 0.02)
    return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def accuracy(net: AcousticNet, frames: Frames, chosen: Iterable[int]) -> float:
    """Share of labels got right."""
    right = total = 0
    with torch.no_grad():
        for index in chosen:
            x, y = frames.batch([int(index)])
            counted = y != _IGNORED
            right += int(((net(x).argmax(1) == y) & counted).sum())
            total += int(counted.sum())
    return right / max(total, 1)
