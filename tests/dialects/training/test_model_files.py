"""The files that Vosk reads, made from a lexicon of a few words and a network of random numbers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dialects.training import nnet3
from dialects.training.export import write_model
from dialects.training.fst import Fst, const_bytes, read_const
from dialects.training.graph import build, reachable
from dialects.training.lexicon import lexicon
from dialects.training.lm import Model, Source, count, mixed
from dialects.training.phones import OUTPUTS

pytestmark = pytest.mark.unit

WORDS = ("我", "要", "缓缴", "缓交", "税款", "是", "事", "十")


def network(seed: int = 0) -> nnet3.Network:
    draw = np.random.default_rng(seed)

    def layer(out: int, into: int, times: int) -> tuple[nnet3.Array, nnet3.Array]:
        weights = draw.normal(0, (into * times) ** -0.5, (out, into, times))
        return weights.astype(np.float32), draw.normal(0, 0.1, out).astype(np.float32)

    blocks = tuple(nnet3.Block(layer(6, 12, 2)[0], *layer(12, 6, 2)) for _ in nnet3.DILATIONS)
    return nnet3.Network(
        layer(8, 40, 5),
        layer(12, 8, 3),
        blocks,
        layer(7, 12, 1),
        layer(len(OUTPUTS), 7, 1),
        nnet3.priors_from([1.0] * len(OUTPUTS)),
    )


def language() -> Model:
    known = frozenset(WORDS)
    base = dict.fromkeys(WORDS, 1 / len(WORDS))
    counted = count([["我", "要", "缓缴", "税款"], ["我", "要", "缓交"], ["是"]], known)
    return mixed([(Source(counted, base), counted, 1.0, 1)], WORDS)


def test_a_network_comes_back_as_it_was_written() -> None:
    one = network()
    other = nnet3.read(nnet3.write(one))
    assert nnet3.write(other) == nnet3.write(one)
    np.testing.assert_array_equal(other.blocks[3].wide, one.blocks[3].wide)
    np.testing.assert_array_equal(other.first[0], one.first[0])
    np.testing.assert_array_equal(other.priors, one.priors)


def test_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="not a model"):
        nnet3.read(b"\0B<TransitionModel> <Nnet3> nothing of ours")


def test_rare_outputs_get_no_tiny_prior() -> None:
    priors = nnet3.priors_from([1e6, *([10.0] * (len(OUTPUTS) - 1))])
    assert priors.sum() == pytest.approx(1.0, abs=1e-5)
    assert priors.min() > 2e-4
    assert priors.argmax() == 0


def test_an_automaton_comes_back_as_it_was_written() -> None:
    fst = Fst()
    first, second = fst.state(), fst.state()
    fst.arcs[first] = [(1, 2, 0.5, second), (0, 0, 1.5, first)]
    fst.final[second] = 0.25
    fst.sort(0)
    again = read_const(const_bytes(fst, 0))
    assert again.arcs == [[(0, 0, 1.5, 0), (1, 2, 0.5, 1)], []]
    assert again.final == {1: 0.25}
    with pytest.raises(ValueError, match="const"):
        read_const(b"something else, long enough to hold a header of that kind")


def test_what_a_state_can_say_next() -> None:
    fst = Fst(
        [
            [(2, 1, 0.0, 1), (4, 0, 0.0, 2)],
            [(1, 0, 0.0, 1), (6, 0, 0.0, 0)],
            [(8, 3, 0.0, 0), (8, 4, 0.0, 0)],
        ],
        {0: 0.0},
    )
    assert reachable(fst, 5) == [[(1, 2), (3, 6)], [(1, 2), (3, 6)], [(3, 5)]]


def test_words_that_sound_alike_all_have_a_number() -> None:
    graph = build(lexicon(WORDS), language())
    assert set(WORDS) < set(graph.words)
    assert sorted(graph.words.values()) == list(range(1, len(graph.words) + 1))


def test_vosk_loads_the_files_and_takes_a_grammar(tmp_path: Path) -> None:
    graph = build(lexicon(WORDS), language())
    write_model(tmp_path / "model", nnet3.write(network()), graph.files)
    # A file in the wrong form would end the process it is read in.
    program = """
import json, sys, vosk
import numpy as np
vosk.SetLogLevel(-1)
model = vosk.Model(sys.argv[1])
noise = np.random.default_rng(0).normal(0, 2000, 16000).astype("<i2").tobytes()
found = [model.vosk_model_find_word(w) for w in ("缓缴", "没有")]
heard = []
for grammar in (None, '["我 要 缓交", "[unk]"]'):
    recogniser = vosk.KaldiRecognizer(*([model, 16000] + ([grammar] if grammar else [])))
    recogniser.AcceptWaveform(noise)
    heard.append(json.loads(recogniser.FinalResult())["text"])
print(json.dumps([found, heard]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model")], capture_output=True, text=True, check=True
    )
    found, (free, bound) = json.loads(done.stdout)
    assert found[0] > 0 and found[1] == -1
    assert set(free.split()) <= set(graph.words)
    assert set(bound.split()) <= {"我", "要", "缓交", "[unk]"}
