"""A voice process that behaves as its first argument and its requests say; its sound tells the request's words.

``python -m tests.telephony.voice.fake_worker KIND FOLDER``: ``good``, ``refuses`` or ``dies`` (before it is ready).
Words beginning with ``crash``/``hang``: it dies, or answers no more; with ``-once``: only the first time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from telephony.voice.protocol import FAILED, LENGTH, READY


def answer(body: bytes) -> None:
    os.write(1, LENGTH.pack(len(body)) + body)


def first_time(folder: Path, words: str) -> bool:
    marker = folder / f"{words}.done"
    known = marker.exists()
    marker.touch()
    return not known


def main(kind: str, folder: Path) -> None:
    if kind == "dies" or kind == "dies-once" and first_time(folder, "start"):
        os._exit(3)
    if kind == "refuses":
        answer(FAILED + "没有装好".encode())
        return
    answer(READY)
    while head := sys.stdin.buffer.read(LENGTH.size):
        words = json.loads(sys.stdin.buffer.read(LENGTH.unpack(head)[0]))["words"]
        with (folder / "seen").open("a") as seen:
            seen.write(f"{words}\n")
        misbehaves = "-once" not in words or first_time(folder, words)
        if words.startswith("crash") and misbehaves:
            os._exit(3)
        if words.startswith("hang") and misbehaves:
            signal.pause()
        if words.startswith("gate"):
            (folder / f"{words}.entered").touch()
            with (folder / "gate").open() as gate:
                gate.read()
        if words.startswith("bad"):
            answer(FAILED + b"KeyError")
        else:
            answer(READY + words.encode())


main(sys.argv[1], Path(sys.argv[2]))
