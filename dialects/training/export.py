"""Lays out a model folder the way Vosk reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dialects.acoustic import write_sums

_MFCC = """--use-energy=false
--num-mel-bins=40
--num-ceps=40
--low-freq=20
--high-freq=7600
--allow-upsample=true
--allow-downsample=true
"""
_MODEL = """--min-active=200
--max-active=3000
--beam={beam}
--lattice-beam=4.0
--acoustic-scale={scale}
--frame-subsampling-factor=3
--endpoint.silence-phones=1
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=1.0
--endpoint.rule4.min-trailing-silence=2.0
"""


def write_model(
    folder: Path, acoustic: bytes, graph: Mapping[str, bytes], scale: float = 0.7, beam: float = 13.0
) -> None:
    """Write acoustic model, features, decoding, graph and the list of digests. Every file is replaced whole, so a reader sees old or new."""
    files = {
        "am/final.mdl": acoustic,
        "conf/mfcc.conf": _MFCC.encode(),
        "conf/model.conf": _MODEL.format(beam=beam, scale=scale).encode(),
        **{f"graph/{name}": content for name, content in graph.items()},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        part.replace(path)
    write_sums(folder)
