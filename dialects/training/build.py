"""All models from nothing: ``python -m dialects.training.build``. Every stage is kept under ``.cache/training`` by what it
was made from, so a run that was cut off goes on where it stopped.

Stages: speech (synthetic, batch by batch) → first network on exactly aligned speech → a rough one on many speakers, which
aligns their speech better → Mandarin network → a network an accent → language → graph → model folders.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dialects.training import graph, nnet3, synthesise
from dialects.training.accent import TRAINED
from dialects.training.export import write_model
from dialects.training.language import Language, language
from dialects.training.text import ROOT, corpus

CACHE = ROOT / ".cache" / "training"
MODELS = ROOT / "dialects" / "models"
PACKS = ("mandarin", "sichuan", "cantonese")
_SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """How much of everything. Batches hold :data:`synthesise.SIZES` utterances; ``copies`` is how often the Mandarin network hears
    each of one speaker, damaged anew each time, and three times as often each of many."""

    plain: int = 16
    low: int = 6
    speakers: int = 10
    blends: int = 10
    accented: int = 6
    accented_speakers: int = 6
    first_epochs: float = 12.0
    rough_epochs: float = 2.0
    epochs: float = 16.0
    accent_epochs: float = 8.0
    copies: int = 2


def note(text: str) -> None:
    """A line of progress."""
    print(f"» {time.strftime('%H:%M:%S')} {text}", flush=True)


def stamp(*parts: object, code: Sequence[str] = ()) -> str:
    """A short hash of settings and of the program text of the named modules."""
    digest = hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode())
    for name in code:
        digest.update((_SOURCES / name).read_bytes())
    return digest.hexdigest()[:12]


def texts_stamp() -> str:
    """A hash of every text that training reads inside the repository."""
    digest = hashlib.sha256()
    for pattern in (
        "nlu_data/nlu/*.yml",
        "kb/articles/*.md",
        "dialects/terms.txt",
        "dialects/training/frames.yml",
        "*/jieba/*.txt",
    ):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def synthesised(kind: str, batches: int, folder: Path) -> list[Path]:
    """The paths of the first ``batches`` of a kind, made where missing, in a process of their own."""
    if not batches:
        return []
    paths = [synthesise.path_of(folder, kind, number) for number in range(batches)]
    if not all(path.exists() for path in paths):
        note(f"speech: {kind}, {batches} batches")
        command = [
            sys.executable,
            "-m",
            "dialects.training.synthesise",
            kind,
            "0",
            str(batches - 1),
            str(folder),
        ]
        subprocess.run(command, check=True, cwd=ROOT)
    return paths


def networks(recipe: Recipe, start: Path | None, words: Path | None) -> dict[str, Path]:
    """Acoustic models as ``.mdl`` files by pack; ``start`` is a model folder to begin from instead of nothing."""
    from dialects.training import stages

    speech_folder = CACHE / "speech"
    plain = [
        *synthesised("plain", recipe.plain, speech_folder),
        *synthesised("low", recipe.low, speech_folder),
    ]
    key = stamp(
        asdict(recipe),
        str(start),
        str(words),
        code=("network.py", "train.py", "augment.py", "align.py", "stages.py"),
    )
    folder = CACHE / f"networks-{key}"
    first = start / "am" / "final.mdl" if start else folder / "first.mdl"
    if not first.exists():
        note("first network, on exactly aligned speech")
        stages.first(plain, recipe, first)
    speakers = [
        *synthesised("speakers", recipe.speakers, speech_folder),
        *synthesised("blends", recipe.blends, speech_folder),
    ]
    found = {"mandarin": folder / "mandarin.mdl"}
    if not found["mandarin"].exists():
        rough = folder / "rough.mdl"
        if not rough.exists():
            note("rough network, on speech aligned by the first")
            stages.rough(first, plain, speakers, recipe, rough)
        note("Mandarin network, on speech aligned by the rough one")
        stages.refined(rough, plain, speakers, words, recipe, found["mandarin"])
    for name in TRAINED:
        found[name] = folder / f"{name}.mdl"
        if not found[name].exists():
            accented = synthesised(name, recipe.accented, speech_folder)
            others = synthesised(f"{name}-speakers", recipe.accented_speakers, speech_folder)
            note(f"{name} network")
            stages.accented(
                found["mandarin"], accented, others, plain[:2], speakers[::6], recipe, found[name]
            )
    return found


def kept_language(name: str) -> Language:
    """The language of a pack, kept until texts or rules change."""
    path = (
        CACHE
        / f"language-{name}-{stamp(name, texts_stamp(), code=('text.py', 'lexicon.py', 'lm.py', 'language.py', 'accent.py', 'phones.py', 'spoken.py'))}.pickle"
    )
    if path.exists():
        # Written by this program into the repository's own cache.
        found: Language = pickle.loads(path.read_bytes())  # noqa: S301
        return found
    note(f"language: {name}")
    made = language(corpus(), TRAINED.get(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(made))
    return made


def export(name: str, acoustic: Path, folder: Path) -> None:
    """Write one model folder."""
    found = kept_language(name)
    note(f"graph: {name}")
    made = graph.build(found.lexicon, found.model)
    # Reading and writing again proves that the file can be trained on later.
    write_model(folder, nnet3.write(nnet3.read(acoustic.read_bytes())), made.files)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    note(f"{folder}: {size / 1e6:.1f} MB, {len(made.words):,} words")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=Path, help="a model folder made by this program to begin from")
    parser.add_argument(
        "--words", type=Path, help="a folder of single recorded words named like cmn-往常.mp3"
    )
    parser.add_argument("--out", type=Path, default=MODELS)
    parser.add_argument(
        "--graphs-only", action="store_true", help="keep the acoustic models, renew vocabulary and language"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="make do with this share of the speech and the passes"
    )
    given = parser.parse_args(arguments)
    recipe = scaled(Recipe(), given.share)
    if given.graphs_only:
        acoustic = {name: given.out / name / "am" / "final.mdl" for name in PACKS}
    else:
        acoustic = networks(recipe, given.start, given.words)
    for name, path in acoustic.items():
        export(name, path, given.out / name)


def scaled(recipe: Recipe, share: float) -> Recipe:
    """A smaller recipe of the same proportions, at least one batch of each."""

    def part(value: int) -> int:
        return max(1, round(value * share))

    return replace(
        recipe, plain=part(recipe.plain), low=part(recipe.low), speakers=part(recipe.speakers), blends=part(recipe.blends),
        accented=part(recipe.accented), accented_speakers=part(recipe.accented_speakers), first_epochs=recipe.first_epochs * share,
        rough_epochs=recipe.rough_epochs * share, epochs=recipe.epochs * share, accent_epochs=recipe.accent_epochs * share,
    )  # fmt: skip


if __name__ == "__main__":
    main()
