import pytest

from dialects.training.lm import END, START, Model, Source, count, mixed

pytestmark = pytest.mark.unit

WORDS = ("我", "要", "交", "税", "缓", "不")
BASE = dict.fromkeys(WORDS, 1 / len(WORDS))
TALK = [["我", "要", "交", "税"], ["我", "要", "缓"], ["我", "不", "交", "税"], ["我", "要", "交", "税"]]


@pytest.fixture
def model() -> Model:
    known = frozenset(WORDS)
    talk, broad = count(TALK, known), count([["不", "要"], ["税", "谜", "我"]], known)
    return mixed([(Source(talk, BASE), talk, 0.7, 1), (Source(broad, BASE), broad, 0.3, 1)], WORDS)


def test_probabilities_sum_to_one_in_every_context(model: Model) -> None:
    assert any(len(history) == 2 for history in model.words)
    for history in [*model.words, ("税", "缓"), (START, "不")]:
        total = sum(model.probability(history, word) for word in (*WORDS, END))
        assert total == pytest.approx(1.0, abs=1e-6), history


def test_what_was_said_is_likelier(model: Model) -> None:
    assert model.probability(["我"], "要") > model.probability(["我"], "税")
    assert model.probability(["要", "交"], "税") > model.probability(["要", "交"], "我")
    talk, _ = model.perplexity([TALK[0]], frozenset(WORDS))
    odd, _ = model.perplexity([["税", "缓", "我", "交"]], frozenset(WORDS))
    assert talk < odd


def test_an_unknown_word_is_counted_apart_and_breaks_the_history(model: Model) -> None:
    _, unknown = model.perplexity([["我", "谜"]], frozenset(WORDS))
    assert unknown == pytest.approx(1 / 3)
    assert ("谜",) not in model.words
    assert "我" not in model.words.get(("税",), {})
