"""The acoustic network in torch: from features to outputs, from and to the plain arrays of :mod:`nnet3`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dialects.training import nnet3
from dialects.training.features import COEFFICIENTS
from dialects.training.nnet3 import CONTEXT, DILATIONS, STRIDE
from dialects.training.phones import OUTPUTS

_FIRST, _WIDTH, _NARROW, _BEFORE = 256, 384, 112, 256


class _Block(nn.Module):  # type: ignore[misc]
    def __init__(self, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.narrow = nn.Conv1d(_WIDTH, _NARROW, 2, dilation=dilation, bias=False)
        self.wide = nn.Conv1d(_NARROW, _WIDTH, 2, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(_WIDTH)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        new = functional.relu(self.norm(self.wide(self.narrow(x))))
        return x[:, :, self.dilation : -self.dilation] + self.dropout(new)


class AcousticNet(nn.Module):  # type: ignore[misc]
    """Batch × 40 × frames in; batch × outputs × labels out, :data:`CONTEXT` frames fewer on either side."""

    mean: Tensor
    scale: Tensor

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(COEFFICIENTS))
        self.register_buffer("scale", torch.ones(COEFFICIENTS))
        self.first = nn.Conv1d(COEFFICIENTS, _FIRST, 5, bias=False)
        self.first_norm = nn.BatchNorm1d(_FIRST)
        self.second = nn.Conv1d(_FIRST, _WIDTH, STRIDE, stride=STRIDE, bias=False)
        self.second_norm = nn.BatchNorm1d(_WIDTH)
        self.blocks = nn.ModuleList(_Block(dilation, dropout) for dilation in DILATIONS)
        self.before = nn.Conv1d(_WIDTH, _BEFORE, 1, bias=False)
        self.before_norm = nn.BatchNorm1d(_BEFORE)
        self.output = nn.Conv1d(_BEFORE, len(OUTPUTS), 1)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean[None, :, None]) / self.scale[None, :, None]
        x = functional.relu(self.first_norm(self.first(x)))
        x = functional.relu(self.second_norm(self.second(x)))
        for block in self.blocks:
            x = block(x)
        result: Tensor = self.output(functional.relu(self.before_norm(self.before(x))))
        return result

    def normed(self) -> list[tuple[nn.Conv1d, nn.BatchNorm1d]]:
        """Each convolution with the batch normalisation behind it."""
        pairs: list[tuple[nn.Conv1d, nn.BatchNorm1d]] = [
            (self.first, self.first_norm),
            (self.second, self.second_norm),
        ]
        for block in self.blocks:
            assert isinstance(block, _Block)
            pairs.append((block.wide, block.norm))
        return [*pairs, (self.before, self.before_norm)]


def padded(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames with their edges repeated, so that one label comes out for every three."""
    count = -(-len(frames) // STRIDE)
    behind = STRIDE * (count - 1) + 1 + CONTEXT - len(frames)
    return np.pad(frames.astype(np.float32), ((CONTEXT, max(behind, 0)), (0, 0)), mode="edge")


def log_posteriors(net: AcousticNet, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Labels × outputs for one utterance."""
    with torch.no_grad():
        scores = net(torch.from_numpy(padded(frames)).T[None])[0].T
        return np.asarray(torch.log_softmax(scores, 1).numpy(), np.float32)


def folded(net: AcousticNet, priors: NDArray[np.float32]) -> nnet3.Network:
    """Plain arrays with batch normalisation and feature scaling folded into the weights."""

    def fold(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert norm.running_var is not None and norm.running_mean is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = conv.weight * factor[:, None, None]
        return _array(weight), _array(norm.bias - norm.running_mean * factor)

    weight, bias = fold(net.first, net.first_norm)
    weight = weight / _array(net.scale)[None, :, None]
    bias = bias - (weight * _array(net.mean)[None, :, None]).sum((1, 2))
    blocks = []
    for block in net.blocks:
        assert isinstance(block, _Block)
        wide, wide_bias = fold(block.wide, block.norm)
        blocks.append(nnet3.Block(_array(block.narrow.weight), wide, wide_bias))
    assert net.output.bias is not None
    return nnet3.Network(
        (weight, bias), fold(net.second, net.second_norm), tuple(blocks), fold(net.before, net.before_norm),
        (_array(net.output.weight), _array(net.output.bias)), priors,
    )  # fmt: skip


def unfolded(plain: nnet3.Network, sample: Iterable[Tensor]) -> AcousticNet:
    """A network to go on training with, that computes what ``plain`` does.

    ``sample`` is batches of features: they give the feature scaling and the normalisations the statistics that folding
    has thrown away.
    """
    batches = list(sample)
    every = torch.cat([batch.transpose(1, 2).reshape(-1, COEFFICIENTS) for batch in batches])
    net = AcousticNet()
    net.mean.copy_(every.mean(0))
    net.scale.copy_(every.std(0) + 1e-3)
    first = torch.tensor(plain.first[0])
    shift = torch.tensor(plain.first[1]) + (first * net.mean[None, :, None]).sum((1, 2))
    layers = [(first * net.scale[None, :, None], shift), _tensors(plain.second)]
    for block, source in zip(net.blocks, plain.blocks, strict=True):
        assert isinstance(block, _Block)
        block.narrow.weight.data.copy_(torch.tensor(source.narrow))
        layers.append(_tensors((source.wide, source.bias)))
    layers.append(_tensors(plain.before))
    output, bias = _tensors(plain.output)
    net.output.weight.data.copy_(output)
    assert net.output.bias is not None
    net.output.bias.data.copy_(bias)
    net.eval()
    for (conv, norm), (weight, bias) in zip(net.normed(), layers, strict=True):
        assert norm.running_mean is not None and norm.running_var is not None
        conv.weight.data.copy_(weight)
        norm.running_mean.copy_(-bias)
        norm.running_var.fill_(1 - norm.eps)
    _true_statistics(net, batches)
    return net


def _true_statistics(net: AcousticNet, batches: list[Tensor]) -> None:
    """Give each normalisation its real mean and variance, and undo them in its scale and shift."""
    for conv, norm in net.normed():
        seen: list[Tensor] = []
        hook = conv.register_forward_hook(
            lambda _m, _i, out, seen=seen: seen.append(out.transpose(0, 1).flatten(1))
        )
        with torch.no_grad():
            for batch in batches:
                net(batch)
            hook.remove()
            values = torch.cat(seen, 1)
            mean, variance = values.mean(1), values.var(1)
            assert norm.running_mean is not None and norm.running_var is not None
            bias = -norm.running_mean
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.data.copy_(torch.sqrt(variance + norm.eps))
            norm.bias.data.copy_(bias + mean)


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().numpy(), np.float32)


def _tensors(layer: tuple[NDArray[np.float32], NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    return torch.tensor(layer[0]), torch.tensor(layer[1])
