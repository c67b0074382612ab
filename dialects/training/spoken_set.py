"""Writes the evaluation set as recordings of the telephone: ``python -m dialects.training.spoken_set FOLDER``.

One folder for standard speech and one for each accent and strength of :mod:`accent_eval`, each of 8 kHz WAV files, as µ-law
leaves the sound, with the ``manifest.jsonl`` that ``shuiling dialect eval`` reads. What was spoken before is taken from the cache.
"""

from __future__ import annotations

import argparse
import json
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dialects.evalset import HOLD_OUT, Utterance, read_set
from dialects.training.accent_eval import MEASURED, STRENGTHS
from dialects.training.augment import mulaw, resample_poly
from dialects.training.bench import SEEN, UNSEEN, voiced
from dialects.training.phones import syllables


def write(
    folder: Path, kind: str, lines: Sequence[Utterance], voice: str, accent: str, strength: float
) -> int:
    """Speak ``lines`` into ``folder``; how many could be spoken."""
    intents = {line.text: line.intent for line in lines}
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, said in enumerate(voiced(kind, [line.text for line in lines], voice, accent, strength)):
        file = folder / f"{number:04}.wav"
        line = mulaw(np.clip(resample_poly(said.audio / 32768, 1, 2), -1, 1))
        samples = np.clip(line * 32768, -32768, 32767).astype("<i2")
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(np.pad(samples, 2000).tobytes())
        rows.append(
            {"file": file.name, "text": said.text, "intent": intents[said.text], "pack": accent or "mandarin"}
        )
    manifest = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "manifest.jsonl").write_text(manifest, encoding="utf-8")
    return len(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", type=Path, default=HOLD_OUT)
    parser.add_argument(
        "--most", type=int, default=120, help="lines of standard speech; half as many of an accent's own"
    )
    given = parser.parse_args(arguments)
    able = [line for line in read_set(given.set) if syllables(line.text)]
    plain = [line for line in able if line.kind == "mandarin"][: given.most]
    print("standard", write(given.folder / "mandarin", "mandarin", plain, SEEN, "", 0.0), flush=True)
    for accent in MEASURED:
        own = [line for line in able if line.kind == accent]
        half = given.most // 2
        for voice, names in ((SEEN, STRENGTHS), (UNSEEN, {"heavy": STRENGTHS["heavy"]})):
            for name, strength in names.items():
                folder = given.folder / f"{accent}-{name}{'-unseen' if voice == UNSEEN else ''}"
                print(
                    folder.name,
                    write(folder, accent, plain[:half] + own[:half], voice, accent, strength),
                    flush=True,
                )


if __name__ == "__main__":
    main()
