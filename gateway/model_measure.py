"""A model's readings of the evaluation sets, through Rasa itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.examples import Example, read_file
from gateway.model_card import COSTLY, Card, Figure, read_card, write_card
from gateway.rasa_process import RASA_VENV, base_environment
from gateway.settings import ROOT

EVALUATION = ROOT / "nlu_data" / "eval"
FALLBACK = "nlu_fallback"
HIDDEN = "holdout/"
"""Sets of this prefix are measured on and never read while tuning."""
_TIMEOUT_S = 600


class MeasureError(RuntimeError):
    """A model could not be loaded or did not answer; the text (Chinese) says which."""


@dataclass(frozen=True, slots=True)
class Read:
    """One line of an evaluation set as a model reads it; ``intents`` in the order Rasa counts them."""

    text: str
    truth: str
    primary: str

    @property
    def right(self) -> bool:
        """Whether the intent that is acted on is the label."""
        return self.primary == self.truth


def evaluation_sets(folder: Path = EVALUATION) -> dict[str, list[Example]]:
    """The labelled sets by name (``dev/sichuan``, ``holdout/mandarin``), sorted."""
    return {
        f"{kind}/{path.stem}": list(read_file(path))
        for kind in ("dev", "holdout")
        for path in sorted((folder / kind).glob("*.yml"))
    }


def hash_of(sets: Mapping[str, Sequence[Example]]) -> str:
    """Twelve hexadecimal digits over all lines and labels."""
    digest = hashlib.sha256()
    for name, lines in sets.items():
        digest.update("\0".join([name, *(f"{line.intent}\t{line.text}" for line in lines)]).encode())
    return digest.hexdigest()[:12]


def read_with(archive: Path, sets: Mapping[str, Sequence[Example]]) -> dict[str, list[Read]]:
    """What the model in ``archive`` reads in each line.

    Raises:
        MeasureError: it cannot be loaded, or ended early.
    """
    lines = [line for found in sets.values() for line in found]
    try:
        done = subprocess.run(
            [str(RASA_VENV / "bin" / "python"), "-m", "bot.understand", "--model", str(archive.resolve())],
            cwd=ROOT,
            env=base_environment(),
            input="".join(f"{line.text}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MeasureError(
            f"模型 {archive.name} 在 {_TIMEOUT_S // 60} 分钟里没有读完测评语句。请等机器空一些再试。"
        ) from None
    answers = done.stdout.splitlines()
    if done.returncode != 0 or len(answers) != len(lines):
        last = done.stderr.strip().splitlines()[-1:] or ["没有输出"]
        raise MeasureError(f"模型 {archive.name} 无法载入或没有读完：{last[0]}")
    given = iter(answers)
    return {
        name: [Read(line.text, line.intent, _primary(next(given))) for line in found]
        for name, found in sets.items()
    }


def _primary(answer: str) -> str:
    return str(json.loads(answer).get("primary") or "")


def figure(reads: Sequence[Read]) -> Figure:
    """The figures of one set."""
    return Figure(
        lines=len(reads),
        right=sum(read.right for read in reads),
        asked_again=sum(read.primary == FALLBACK for read in reads),
        costly=sum(not read.right and read.primary in COSTLY for read in reads),
    )


def measured_card(archive: Path, *, again: bool = False) -> Card:
    """The card of ``archive`` with figures on the present sets; measured now where they are missing or old.

    Raises:
        MeasureError: as :func:`read_with`.
    """
    sets = evaluation_sets()
    card = read_card(archive) or bare_card(archive)
    if not again and card.measured_on == hash_of(sets):
        return card
    reads = read_with(archive, sets)
    card = card.measured(hash_of(sets), {name: figure(found) for name, found in reads.items()})
    write_card(archive, card)
    return card


def bare_card(archive: Path) -> Card:
    """What can be told of an archive without a card: its name and when it was written."""
    name = archive.name.removesuffix(".tar.gz")
    written = datetime.fromtimestamp(archive.stat().st_mtime, UTC)
    return Card(name, name.removeprefix("shuiling-"), written.isoformat(timespec="seconds"))
