"""Find the article that answers a question, and say whether to trust the find.

Words and letters (BM25 each) and sentence vectors are added up. The vectors are first whitened by the scatter *within*
articles: directions in which the wordings of one question differ count less, directions that separate
articles count more. An article's vector is the mean of its title and questions. Topics of ``decoys.yml``
(what people ask and no article answers) are indexed beside the articles. Whether the best article is an
answer is decided apart from the ranking, by :mod:`kb.gate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from kb.bm25 import Bm25
from kb.border import Border, Letters
from kb.embed import E5Embedder, Embedder, embed_cached, unit
from kb.fields import Fields, load_fields
from kb.followup import asks_why, leans, without_lead
from kb.gate import Features, Gate, field_features, load_gate
from kb.loader import KB_ROOT, KnowledgeError, load_articles, load_laws
from kb.model import Article, Law
from kb.text import Words

# Chosen on eval/dev.yml; eval/holdout.yml was not looked at.
SHRINKAGE = 0.5

_LONGEST_QUERY = 200
_LONGEST_BEFORE = 120
_STRANGE = 0.5
"""Share of unknown words from which a follow-up speaks of something else."""
_OWN_SHARE = 0.5
"""What a follow-up's own words count in choosing the article, beside the same words after the question before."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One found article; ``score`` = ``cosine`` (-1..1, whitened) + ``bm25`` (0..2: of words, of letters)."""

    article: Article
    score: float
    bm25: float
    cosine: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Best articles first. ``certainty``: how likely the first is the answer, 0..1; ``confident`` says it
    reaches the threshold. When not confident, offer the titles or a human. ``features`` and ``odds`` (what each
    adds to the log-odds) explain the decision."""

    hits: tuple[Hit, ...]
    confident: bool
    certainty: float
    features: Features | None = None
    odds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Space:
    """Whitened vector space: text vector -> (vector - mean) @ transform, scaled to length 1."""

    mean: NDArray[np.float32]
    transform: NDArray[np.float32]

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return unit(np.asarray((vectors - self.mean) @ self.transform, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class _Sight:
    """A text seen from the index: an entry each for every article, then for every decoy topic; the rest of the text."""

    cosine: NDArray[np.float32]
    bm25: NDArray[np.float64]
    nearest: NDArray[np.float32]
    side: float
    letters: float
    named: Mapping[str, float]

    @property
    def score(self) -> NDArray[np.float64]:
        return self.cosine + self.bm25

    def mixed(self, other: _Sight, share: float) -> _Sight:
        """``share`` of this one's resemblances beside ``other``'s; which field is spoken of is left to ``other``."""
        return replace(
            other,
            cosine=share * self.cosine + (1 - share) * other.cosine,
            bm25=share * self.bm25 + (1 - share) * other.bm25,
            nearest=share * self.nearest + (1 - share) * other.nearest,
        )


def prepare_vectors(embedder: Embedder, cache_dir: Path, root: Path = KB_ROOT) -> None:
    """Embed what the index of ``root`` will ask ``cache_dir`` for; raises KnowledgeError on a malformed file."""
    groups = _groups(load_articles(root), load_decoys(root))
    embed_cached(embedder, [text for group in groups for text in group], cache_dir)


def _groups(articles: Sequence[Article], decoys: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The texts indexed for each article, then for each decoy topic."""
    return [(a.title, *a.questions) for a in articles] + [tuple(topic) for topic in decoys]


class KnowledgeBase:
    """Articles with lookup by id, by intent and by question. Build it with ``load``; then read-only."""

    def __init__(
        self,
        articles: Sequence[Article],
        laws: dict[str, Law],
        decoys: Sequence[Sequence[str]],
        words: Words,
        fields: Fields,
        gate: Gate,
        embedder: Embedder,
        cache_dir: Path | None = None,
    ) -> None:
        self.articles = tuple(articles)
        self._laws = laws
        self._by_id = {article.id: article for article in self.articles}
        self._by_intent = {intent: article for article in self.articles for intent in article.intents}
        self._words = words
        self._fields = fields
        self._gate = gate
        self._embedder = embedder
        groups = _groups(self.articles, decoys)
        spoken = [article.short for article in self.articles]
        spoken += ["" for _ in decoys]
        cut = [words.cut(" ".join((*g, s))) for g, s in zip(groups, spoken, strict=True)]
        self._bm25 = Bm25(cut)
        self._letter_bm25 = Bm25(
            [words.letters(words.canonical(" ".join((*g, s)))) for g, s in zip(groups, spoken, strict=True)]
        )
        count = len(self.articles)
        self._vocabulary = frozenset(
            word
            for article, found in zip(self.articles, cut, strict=False)
            for word in (*found, *words.cut(article.body))
        )
        texts = [text for group in groups for text in group]
        self._owner = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        vectors = embed_cached(embedder, texts, cache_dir)
        own = self._owner < count
        self._space = _within_whitening(vectors[own], self._owner[own], count)
        self._points = self._space.project(vectors)
        self._centres = unit(_means(self._points, self._owner, len(groups)))
        self._starts = np.searchsorted(self._owner, np.arange(len(groups)))
        self._border = Border(self._points, own)
        self._letters = Letters([words.letters(words.canonical(text)) for text in texts], own)
        self._near = tuple(
            np.array(
                [o is article or o.id in article.related or article.id in o.related for o in self.articles]
            )
            for article in self.articles
        )

    @classmethod
    def load(
        cls, root: Path = KB_ROOT, *, embedder: Embedder | None = None, cache_dir: Path | None = None
    ) -> KnowledgeBase:
        """Read articles, laws and word lists below ``root`` and index them.

        Without ``embedder`` the bundled E5 model is loaded. Embedding all questions takes some seconds;
        with ``cache_dir`` that happens once per content. Raises KnowledgeError on a malformed file.
        """
        return cls(
            load_articles(root),
            load_laws(root),
            load_decoys(root),
            Words(root),
            load_fields(root),
            load_gate(root),
            embedder or E5Embedder(),
            cache_dir,
        )

    @property
    def embedder(self) -> Embedder:
        """What turns texts into vectors here."""
        return self._embedder

    def get(self, article_id: str) -> Article | None:
        """The article of that id, or None."""
        return self._by_id.get(article_id)

    def by_intent(self, intent: str) -> Article | None:
        """The article that answers an intent by default, or None."""
        return self._by_intent.get(intent)

    def references(self, article: Article) -> tuple[str, ...]:
        """An article's citations as shown to a taxpayer, in order. Raises KeyError on an unknown law."""
        return tuple(self._laws[c.law].label(c.article) for c in article.citations)

    def related(self, article: Article) -> tuple[Article, ...]:
        """The articles it names as related, in order."""
        return tuple(self._by_id[i] for i in article.related if i in self._by_id)

    def search(self, query: str, limit: int = 3) -> SearchResult:
        """Best ``limit`` articles for ``query`` (longer than 200 characters is cut). Blank or wordless text
        finds nothing."""
        sight = self._see(query)
        return self._judge(sight, limit) if sight and limit > 0 else SearchResult((), False, 0.0)

    def search_after(self, query: str, before: str | None, limit: int = 3) -> SearchResult:
        """Search a question as it was meant after ``before``, the last one answered.

        A follow-up (:mod:`kb.followup`) of familiar words is looked at alone and together with ``before``. One that
        names another field or an unknown thing, one that is an answerable question of its own, and every full
        question, is searched alone.
        """
        alone = self.search(query, limit)
        if not before or not leans(query) or alone.features is None:
            return alone
        scan = self._fields.scan(query.lower())
        words = self._words.cut(without_lead(query))
        if scan.elsewhere or scan.orders or self._words.unknown_share(words, self._vocabulary) > _STRANGE:
            return alone
        if alone.confident and (scan.ours or scan.shared):
            return alone
        own, joined = self._see(query), self._see(f"{before[-_LONGEST_BEFORE:]}，{query}")
        if own is None or joined is None:
            return alone
        share = 0.0 if asks_why(query) else _OWN_SHARE
        together = self._judge(own.mixed(joined, share), limit)
        return together if together.confident else alone

    def _see(self, query: str) -> _Sight | None:
        text = " ".join(query.split())[:_LONGEST_QUERY]
        canonical = self._words.canonical(text)
        words = self._words.cut_canonical(canonical)
        if not words:
            return None
        point = self._space.project(self._embedder.embed([text]))[0]
        letters = self._words.letters(canonical)
        # Not ``@``: BLAS wakes its threads for it, and on a busy machine waits for them.
        alike = np.einsum("ij,j->i", self._points, point)
        own = self._fields.scan(f"{text.lower()} {canonical}")
        return _Sight(
            cosine=np.einsum("ij,j->i", self._centres, point),
            bm25=self._bm25.scores(words) + self._letter_bm25.scores(letters),
            nearest=np.maximum.reduceat(alike, self._starts),
            side=self._border.side(alike),
            letters=self._letters.side(letters),
            named=field_features(own, self._words.unknown_share(words, self._vocabulary)),
        )

    def _judge(self, sight: _Sight, limit: int) -> SearchResult:
        score, count = sight.score, len(self.articles)
        order = np.argsort(-score[:count], kind="stable")[:limit]
        hits = tuple(
            Hit(self.articles[i], float(score[i]), float(sight.bm25[i]), float(sight.cosine[i]))
            for i in map(int, order)
        )
        best = int(order[0])
        others = score[:count][~self._near[best]]
        features = Features(
            score=float(score[best]),
            bm25=float(sight.bm25[best]),
            rival_lead=float(score[best] - score[count:].max(initial=-1.0)),
            margin=float(score[best] - others.max(initial=-1.0)),
            nearest_lead=float(sight.nearest[best] - sight.nearest[count:].max(initial=-1.0)),
            side=sight.side,
            letters=sight.letters,
            **sight.named,
        )
        certainty = self._gate.probability(features)
        return SearchResult(
            hits, certainty >= self._gate.threshold, certainty, features, self._gate.shares(features)
        )


def load_decoys(root: Path = KB_ROOT) -> tuple[tuple[str, ...], ...]:
    """Read ``root``/decoys.yml: topic -> questions. Raises KnowledgeError naming the topic."""
    file = root / "decoys.yml"
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeError(file, "file", str(error)) from error
    if not isinstance(values, dict):
        raise KnowledgeError(file, "file", "must be a mapping of topics")
    for topic, questions in values.items():
        if not isinstance(questions, list) or not questions or not all(isinstance(q, str) for q in questions):
            raise KnowledgeError(file, str(topic), "must be a non-empty list of texts")
    return tuple(tuple(questions) for questions in values.values())


def _means(vectors: NDArray[np.float32], owner: NDArray[np.int64], groups: int) -> NDArray[np.float32]:
    sums = np.zeros((groups, vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, owner, vectors)
    return np.asarray(sums / np.bincount(owner, minlength=groups)[:, None], dtype=np.float32)


def _within_whitening(vectors: NDArray[np.float32], owner: NDArray[np.int64], groups: int) -> _Space:
    """Whiten by the scatter within groups, shrunk towards a multiple of the identity so that it can be
    inverted with fewer texts than dimensions."""
    residual = (vectors - _means(vectors, owner, groups)[owner]).astype(np.float64)
    scatter = residual.T @ residual / max(len(vectors) - groups, 1)
    size = scatter.shape[0]
    mean_variance = float(np.trace(scatter)) / size or 1.0
    shrunk = (1 - SHRINKAGE) * scatter + SHRINKAGE * mean_variance * np.eye(size)
    values, axes = np.linalg.eigh(shrunk)
    transform = (axes / np.sqrt(values)) @ axes.T
    return _Space(vectors.mean(axis=0), np.asarray(transform, dtype=np.float32))
