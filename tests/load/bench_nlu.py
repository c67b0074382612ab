"""Compares ways of understanding: five-fold cross-validation and the committed hold-out, one table.

Runs in Rasa's environment: ``.venv-rasa/bin/python -m tests.load.bench_nlu [--quick] [--write docs/figures.md]``.

Nothing of the hold-out is printed but counts. Each row is kept in ``.cache/bench-nlu`` under the hash of data and code,
so that a run that was broken off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "2")
warnings.filterwarnings("ignore")

from threadpoolctl import threadpool_limits  # noqa: E402

from bot.components.vectors import shared_vectors  # noqa: E402
from tests.load.document import grid, write_block  # noqa: E402
from tests.load.nlu.entities import EntityScore, entity_score  # noqa: E402
from tests.load.nlu.scores import (  # noqa: E402
    Reading,
    accuracy,
    calibration_error,
    confusions,
    macro_f1,
    quantile,
    reliability,
)
from tests.load.nlu.sets import DIALECTS, ROOT, Line, evaluated, learned  # noqa: E402
from tests.load.nlu.variants import FEATURES, SHIPPED, Variant, shipped, variants  # noqa: E402

BLOCK = "bench-nlu"
FOLDS = 5
_GUARDED = ("affirm", "verify_self", "promise_to_pay", "opt_out", "withdraw_deferral")
_ASK_AGAIN = 0.4
"""The threshold of ``config.yml`` below which the bot asks again."""
_FOLDED = {
    "all": "five-fold where training takes minutes, not hours; ",
    "shipped": "five-fold for the shipped learner; ",
    "none": "",
}
_DIALECTS = ("confusions", "lexicon", "sounds")
"""Modules of the dialects that understanding reads."""
_REMEMBERED = 60_000
"""Sentence vectors kept, so that every variant and fold after the first spares itself their time."""


@dataclass(frozen=True)
class Row:
    """What one variant measured; ``readings`` of the hold-out by set."""

    features: str
    learner: str
    robust: bool
    folds: float | None
    train_s: float
    size_mb: float
    p95_ms: float
    readings: Mapping[str, Sequence[Reading]]

    def of(self, *names: str) -> list[Reading]:
        """The readings of some sets together; of all without a name."""
        return [r for name, found in self.readings.items() if not names or name in names for r in found]


def measure(
    variant: Variant, lines: Sequence[Line], held_out: Mapping[str, Sequence[Line]], folds: bool
) -> Row:
    """Train on ``lines``, read the hold-out, and cross-validate where ``folds``."""
    from tests.load.nlu.pipelines import Pipeline

    pipeline = Pipeline(variant.steps)
    began = time.monotonic()
    pipeline.train(lines)
    train_s = time.monotonic() - began
    readings: dict[str, list[Reading]] = {}
    taken: list[float] = []
    with shared_vectors().nothing_remembered(), threadpool_limits(limits=1):
        for name, found in held_out.items():
            readings[name] = []
            for line in found:
                start = time.monotonic()
                readings[name].append(pipeline.read(line))
                taken.append(time.monotonic() - start)
    size = pipeline.size_mb()
    pipeline.close()
    return Row(
        variant.features,
        variant.learner,
        variant.robust,
        _cross_validated(variant, lines) if folds else None,
        train_s,
        size,
        1000 * quantile(taken, 0.95),
        readings,
    )


def _cross_validated(variant: Variant, lines: Sequence[Line]) -> float:
    """Share of training lines that are read rightly by a model trained on the other four fifths."""
    from tests.load.nlu.pipelines import Pipeline

    right = 0
    fold_of = _folds(lines)
    for fold in range(FOLDS):
        pipeline = Pipeline(variant.steps)
        pipeline.train([line for place, line in enumerate(lines) if fold_of[place] != fold])
        right += sum(pipeline.read(line).right for place, line in enumerate(lines) if fold_of[place] == fold)
        pipeline.close()
    return right / len(lines)


def _folds(lines: Sequence[Line]) -> list[int]:
    """A fold for each line; every intent is spread evenly over the folds."""
    draw = random.Random(0)
    fold_of = [0] * len(lines)
    for intent in sorted({line.intent for line in lines}):
        places = [place for place, line in enumerate(lines) if line.intent == intent]
        draw.shuffle(places)
        for turn, place in enumerate(places):
            fold_of[place] = turn % FOLDS
    return fold_of


def _path(key: str) -> Path:
    return ROOT / ".cache" / "bench-nlu" / f"{key}.json"


def _kept(key: str, make: Callable[[], Row]) -> Row:
    path = _path(key)
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept["readings"] = {name: [Reading(**r) for r in found] for name, found in kept["readings"].items()}
        return Row(**kept)
    row = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(row), ensure_ascii=False), encoding="utf-8")
    return row


def _hash(variant: Variant, folds: bool) -> str:
    digest = hashlib.sha256(json.dumps([variant.steps, folds], sort_keys=True).encode())
    folders = ("nlu_data/nlu", "nlu_data/jieba", "nlu_data/eval/holdout", "bot/components", "dialects/packs")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    for path in [*files, *(ROOT / "dialects" / f"{name}.py" for name in _DIALECTS)]:
        if path.is_file() and "__pycache__" not in path.parts and path.name not in ("pack.yml", "README.md"):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def comparison(rows: Sequence[Row]) -> str:
    """The table of all variants."""
    head = (
        "Features", "Classifier", "Robust", "Five-fold", "Mandarin", "Dialects", "Noise", "All", "Macro-F1", "ECE",
        "Training s", "MB", "p95 ms",
    )  # fmt: skip
    return grid(
        head,
        [
            (
                row.features,
                row.learner,
                "yes" if row.robust else "no",
                "–" if row.folds is None else _percent(row.folds),
                _percent(accuracy(row.of("mandarin"))),
                _percent(accuracy(row.of(*DIALECTS))),
                _percent(accuracy(row.of("noise"))),
                _percent(accuracy(row.of())),
                _percent(macro_f1(row.of())),
                _percent(calibration_error(row.of())),
                f"{row.train_s:.0f}",
                f"{row.size_mb:.1f}",
                f"{row.p95_ms:.0f}",
            )
            for row in rows
        ],
    )


def goals(row: Row, entities: EntityScore) -> str:
    """The shipped pipeline against what it should reach."""
    measured = (
        ("Hold-out, Mandarin", accuracy(row.of("mandarin")), 0.95, True),
        ("Hold-out, dialect spellings", accuracy(row.of(*DIALECTS)), 0.90, True),
        ("Hold-out, 15 % character errors", accuracy(row.of("noise")), 0.85, True),
        (
            f"Entities by kind and value, F1 on {entities.lines} lines "
            f"(precision {_percent(entities.precision)}, recall {_percent(entities.recall)})",
            entities.f1,
            0.95,
            True,
        ),
        ("Expected calibration error", calibration_error(row.of()), 0.05, False),
    )
    rows = [
        (name, _percent(value), f"{'≥' if more else '≤'} {goal:.0%}", _verdict(value, goal, more))
        for name, value, goal, more in measured
    ]
    rows.append(("p95 of one message", f"{row.p95_ms:.0f} ms", "≤ 50 ms", _verdict(row.p95_ms, 50, False)))
    rows.append(("Training", f"{row.train_s:.0f} s", "≤ 300 s", _verdict(row.train_s, 300, False)))
    return grid(("Shipped pipeline", "Measured", "Goal", ""), rows)


def details(row: Row) -> str:
    """The shipped pipeline set by set, its mistakes and how far its confidence can be trusted."""
    sets = [
        (
            name,
            str(len(found)),
            _percent(accuracy(found)),
            _percent(sum(r.right and r.confidence >= _ASK_AGAIN for r in found) / len(found)),
            _percent(sum(r.confidence < _ASK_AGAIN for r in found) / len(found)),
            _percent(sum(not r.right and r.confidence >= _ASK_AGAIN for r in found) / len(found)),
            str(sum(not r.right and r.intent in _GUARDED and r.confidence >= _ASK_AGAIN for r in found)),
        )
        for name, found in row.readings.items()
    ]
    head = (
        "Set",
        "Lines",
        "Likeliest is right",
        "Acted on, right",
        "Asked again",
        "Acted on, wrong",
        "Costly",
    )
    wrong = [(truth, intent, str(count)) for truth, intent, count in confusions(row.of())]
    bins = [
        (f"{b.low:.1f}–{b.high:.1f}", str(b.count), _percent(b.confidence), _percent(b.accuracy))
        for b in reliability(row.of())
    ]
    return "\n\n".join(
        (
            "The shipped pipeline, set by set (costly: acted on as a yes, a promise, a proof of identity, an opt-out or "
            "a withdrawal that was not said):",
            grid(head, sets),
            "Its ten commonest mistakes:",
            grid(("Meant", "Read as", "Times"), wrong),
            "Its reliability (how sure, how often right):",
            grid(("Confidence", "Lines", "Mean confidence", "Right"), bins),
        )
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _verdict(value: float, goal: float, more: bool) -> str:
    return "goal met" if (value >= goal if more else value <= goal) else "goal not met"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="the document whose table is replaced")
    parser.add_argument("--kept", action="store_true", help="only the rows that an earlier run has measured")
    parser.add_argument("--quick", action="store_true", help="the shipped pipeline only, without folds")
    parser.add_argument(
        "--epochs", type=int, default=20, help="rounds DIET learns (Rasa's own default is 300)"
    )
    parser.add_argument(
        "--folds",
        choices=("all", "shipped", "none"),
        default="all",
        help="what is cross-validated (DIET never)",
    )
    parser.add_argument(
        "--diet",
        choices=("all", "plain", "none"),
        default="all",
        help="on all features, on words alone, or not at all: it trains for many minutes",
    )
    parser.add_argument(
        "--learners",
        nargs="*",
        help="only these classifiers, by the names of the table: the others are left out",
    )
    parser.add_argument(
        "--measure-only",
        action="store_true",
        help="measure and keep the rows of --learners, shipped ones only if named; print no table",
    )
    given = parser.parse_args()
    lines, held_out = learned(), evaluated("holdout")
    shared_vectors().remember = _REMEMBERED
    plan = [shipped()]
    if not given.quick:
        wanted = {"all": set(FEATURES), "plain": {next(iter(FEATURES))}, "none": set()}[given.diet]
        others = [v for v in variants(given.epochs) if v.learner != "DIET" or v.features in wanted]
        plan += [shipped(robust=False), *others]
    if given.learners:
        named = {*given.learners} if given.measure_only else {SHIPPED, *given.learners}
        plan = [variant for variant in plan if variant.learner in named]
    rows: list[Row] = []
    began = time.monotonic()
    for variant in plan:
        folds = not given.quick and (
            variant.learner == SHIPPED if given.folds == "shipped" else given.folds == "all"
        )
        folds = folds and variant.learner != "DIET"
        if given.kept and not _path(_hash(variant, folds)).exists():
            continue
        row = _kept(
            _hash(variant, folds),
            lambda v=variant, f=folds: measure(v, lines, held_out, f),  # type: ignore[misc]
        )
        rows.append(row)
        print(
            f"[{time.monotonic() - began:6.0f} s] {comparison([row]).splitlines()[-1]}",
            file=sys.stderr,
            flush=True,
        )
    if given.measure_only:
        return
    machine = (
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores, "
        f"{len(lines)} training lines, {sum(map(len, held_out.values()))} hold-out lines; "
        + _FOLDED["none" if given.quick else given.folds]
        + (
            "DIET left out."
            if not any(row.learner == "DIET" for row in rows)
            else f"DIET learned for {given.epochs} epochs."
        )
    )
    text = "\n\n".join(
        (machine, goals(rows[0], entity_score()), "All variants:", comparison(rows), details(rows[0]))
    )
    print(text)
    if given.write:
        write_block(given.write, BLOCK, text)


if __name__ == "__main__":
    main()
