"""``make bench-accents``: what each step adds for callers with an accent, as characters wrong and as intents right.

The recordings are those of ``dialects.training.spoken_set``. Three steps: Mandarin's model alone, as it hears; then with
the pack's lexicon, confusions and repair; then with the pack's own model. Intents are those Rasa reads in the text, with the
model in use; "said" is what it reads in what was really said. No figure makes it fail.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dialects.acoustic import Models
from dialects.pack import DEFAULT, Pack, all_packs
from dialects.transcribing import Transcript, no_idea, transcribe
from gateway.cli import load_settings
from gateway.cli.understand import model_in_use, newest_model
from gateway.dialect_measure import Outcome, Recording, figures, intents_right, read_manifest
from gateway.sound_files import read_wav, utterances
from tests.load.document import grid, write_block
from tests.load.machine import describe

BLOCK = "bench-accents"
SAID, ALONE, TABLES, OWN = (
    "said",
    "Mandarin's model alone",
    "+ lexicon, confusions, repair",
    "+ the pack's model",
)

Hear = Callable[[Recording], Transcript]


def steps(packs: Mapping[str, Pack], models: Models, accent: str) -> dict[str, Hear]:
    """How each step hears a recording."""

    def heard(recording: Recording, pack: Pack) -> Transcript:
        return transcribe(
            utterances(read_wav(recording.file)), {pack.name: pack}, models, no_idea({pack.name: pack})
        )

    def alone(recording: Recording) -> Transcript:
        found = heard(recording, packs[DEFAULT])
        return replace(found, text=found.raw)

    # The pack with Mandarin's model.
    borrowed = replace(packs[accent], own_model=None)
    found: dict[str, Hear] = {
        SAID: lambda recording: Transcript(recording.text, recording.text, 1.0, accent),
        ALONE: alone,
        TABLES: lambda recording: heard(recording, borrowed),
    }
    if packs[accent].model != DEFAULT:
        found[OWN] = lambda recording: heard(recording, packs[accent])
    return found


def rows(folder: Path, archive: Path) -> list[tuple[str, ...]]:
    """One row a set of recordings and step."""
    packs, models = all_packs(), Models()
    found = []
    for each in sorted(path.parent for path in folder.glob("*/manifest.jsonl")):
        recordings = read_manifest(each)
        accent = recordings[0].pack
        for name, hear in steps(packs, models, accent).items():
            outcomes = [Outcome(recording, replace(hear(recording), pack=accent)) for recording in recordings]
            (row,) = figures(outcomes, lambda judged: intents_right(archive, judged))
            intents = "–" if row.intents is None else f"{row.intents:.1%}"
            found.append((each.name, name, str(row.sentences), f"{row.cer:.1%}", f"{row.exact:.1%}", intents))
            print(*found[-1], sep=" | ", flush=True)
    return found


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what dialects.training.spoken_set wrote")
    parser.add_argument("--write", type=Path, help="the document whose table is replaced")
    given = parser.parse_args()
    settings = load_settings()
    archive = model_in_use(settings) or newest_model(settings.models_dir)
    if archive is None:
        parser.error("no Rasa model; run make train first")
    head = ("Speech", "Step", "Recordings", "Characters wrong", "Exact", "Intent right")
    text = "\n\n".join(
        [grid(("", ""), describe("make bench-accents")), grid(head, rows(given.folder, archive))]
    )
    if given.write:
        write_block(given.write, BLOCK, text)


if __name__ == "__main__":
    main()
