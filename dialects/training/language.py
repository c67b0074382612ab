"""From texts to vocabulary, lexicon and language model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialects.training.accent import Accent
from dialects.training.lexicon import Cutter, Lexicon, domain_words, general_words, lexicon, vocabulary
from dialects.training.lm import Model, Source, count, mixed
from dialects.training.text import Corpus

VOCABULARY = 46_000
# Expectation maximisation on the tuning set gives 0.90, 0.00 and 0.10; frames and broad text keep more, since that set
# holds few numbers and comes from the same hands as the natural lines.
_WEIGHTS = {"natural": 0.75, "frames": 0.08, "general": 0.17}
_LEAST = {"natural": 1, "frames": 2, "general": 3}
_ACCENTED_SEEN = 3


@dataclass(frozen=True)
class Language:
    """What a graph is built from."""

    lexicon: Lexicon
    model: Model


def language(texts: Corpus, accent: Accent | None = None, size: int = VOCABULARY) -> Language:
    """Vocabulary, pronunciations and language model of ``texts``.

    With an ``accent``, words of the field and of everyday talk get their accented pronunciations too.
    """
    domain = domain_words()
    cutter = Cutter(domain)
    parts: dict[str, list[Sequence[str]]] = {
        name: [cutter.cut(line) for line in lines]
        for name, lines in (("natural", texts.natural), ("frames", texts.frames), ("general", texts.general))
    }
    # The newspaper's rare names would fill the vocabulary: broad text counts only when a word is usual there.
    usual = frozenset(vocabulary(parts["general"], (), 0, least=15))
    wanted = vocabulary((*parts["natural"], *parts["frames"]), (*domain, *usual), size, least=1)
    talk = frozenset(_seen(parts["natural"], _ACCENTED_SEEN)) | frozenset(domain)
    lex = lexicon(wanted, accent, talk)
    known = frozenset(lex.words)
    general = general_words()
    base = {word: general.get(word, 3.0) ** 0.75 for word in lex.words}
    total = sum(base.values())
    base = {word: value / total for word, value in base.items()}
    sources = []
    for name, sentences in parts.items():
        counted = count(_spelled(sentences, known), known)
        sources.append((Source(counted, base), counted, _WEIGHTS[name], _LEAST[name]))
    return Language(lex, mixed(sources, sorted(lex.words)))


def _spelled(sentences: Iterable[Sequence[str]], known: frozenset[str]) -> Iterable[list[str]]:
    """A word that is not in the vocabulary is written sign by sign."""
    for words in sentences:
        yield [part for word in words for part in ([word] if word in known else word)]


def _seen(sentences: Iterable[Sequence[str]], least: int) -> list[str]:
    counts: dict[str, int] = {}
    for words in sentences:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    return [word for word, number in counts.items() if number >= least]
