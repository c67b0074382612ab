"""Adapts a model to real recordings: ``python -m dialects.training.adapt --base DIR --recordings DIR --out DIR``.

Progress goes to standard error; the last line of standard output is a JSON object:
``{"used": n, "skipped": [[file, reason], …], "minutes": m, "before": cer, "after": cer, "kept": bool}``, the error rates on
recordings kept aside (one in ten, at least one). A model that became worse is not written.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dialects.acoustic import SUMS, write_sums
from dialects.training import nnet3, recordings, speech
from dialects.training.speech import Utterance

_ASIDE = 10
_LEAST = 20


@dataclass(frozen=True)
class Adapted:
    """What came of it; rates are character errors on the recordings kept aside."""

    used: int
    skipped: tuple[tuple[str, str], ...]
    minutes: float
    before: float
    after: float
    kept: bool


def adapt(
    base: Path, folder: Path, out: Path, rehearsal: Sequence[Path] = (), epochs: float = 6.0
) -> Adapted:
    """Train ``base``'s network on the recordings in ``folder``, write a whole model to ``out``.

    ``rehearsal`` is batches of synthetic speech mixed in, so that what the model knew is not forgotten. Raises
    :class:`recordings.RecordingError` for a folder that cannot be used and :class:`ValueError` for a base model that
    this program did not make.
    """
    from dialects.training.evaluate import measure
    from dialects.training.network import folded
    from dialects.training.stages import opened, save
    from dialects.training.train import Plan, aligned, prepared, train

    read = recordings.read(recordings.transcripts(folder), "recording")
    if len(read.utterances) < _LEAST:
        raise recordings.RecordingError(
            f"{folder}: 可用录音只有 {len(read.utterances)} 条，至少需要 {_LEAST} 条 · "
            f"only {len(read.utterances)} usable recordings, at least {_LEAST} are needed"
        )
    aside: list[Utterance] = [u for i, u in enumerate(read.utterances) if i % _ASIDE == 0]
    used = [u for i, u in enumerate(read.utterances) if i % _ASIDE]
    model = base / "am" / "final.mdl"
    net, priors = opened(model, used)
    timed = aligned(net, priors, used)
    frames = prepared(timed, 4, 11)
    frames = prepared(speech.load_all(rehearsal), 1, 12, into=frames)
    train(net, frames, Plan(epochs, 3e-4), say=lambda line: print(line, file=sys.stderr, flush=True))
    made = out.with_name(out.name + ".part")
    shutil.rmtree(made, ignore_errors=True)
    # The base's card would tell of another model.
    shutil.copytree(base, made, ignore=shutil.ignore_patterns("CARD.md", SUMS))
    save(folded(net, nnet3.read(model.read_bytes()).priors), made / "am" / "final.mdl")
    write_sums(made)
    before, after = measure(base, aside).cer, measure(made, aside).cer
    kept = after <= before
    if kept:
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    else:
        shutil.rmtree(made)
    return Adapted(len(timed), read.skipped, sum(u.seconds for u in timed) / 60, before, after, kept)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--recordings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rehearsal", type=Path, nargs="*", default=[])
    parser.add_argument("--epochs", type=float, default=6.0)
    given = parser.parse_args(arguments)
    try:
        result = adapt(given.base, given.recordings, given.out, given.rehearsal, given.epochs)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(asdict(result), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
