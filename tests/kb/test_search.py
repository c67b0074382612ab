"""Search mechanics with the model-free embedder, and its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kb.bm25 import Bm25
from kb.embed import HashingEmbedder, embed_cached
from kb.loader import KB_ROOT, KnowledgeError
from kb.search import KnowledgeBase, load_decoys
from kb.text import Words, load_synonyms

pytestmark = pytest.mark.unit


class Counting:
    """Counts how many texts were embedded."""

    def __init__(self) -> None:
        self.inner = HashingEmbedder(64)
        self.name = self.inner.name
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        return self.inner.embed(texts)


def test_an_article_is_found_by_its_own_question(hashing_base: KnowledgeBase) -> None:
    article = hashing_base.get("deferral-cost")
    assert article is not None
    hits = hashing_base.search(article.questions[0]).hits
    assert hits[0].article is article
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_limit(hashing_base: KnowledgeBase) -> None:
    assert len(hashing_base.search("滞纳金怎么算").hits) == 3
    assert len(hashing_base.search("滞纳金怎么算", limit=5).hits) == 5
    assert hashing_base.search("滞纳金怎么算", limit=0).hits == ()


@pytest.mark.parametrize("text", ["", "   ", "？！。。", "😀😀😀", "\n\t"])
def test_text_without_words_finds_nothing(hashing_base: KnowledgeBase, text: str) -> None:
    result = hashing_base.search(text)
    assert result.hits == ()
    assert not result.confident


@pytest.mark.parametrize(
    "text", ["滞纳金怎么算" * 2000, "<script>alert(1)</script>", "/restart", "'; DROP TABLE--", "\x00"]
)
def test_odd_text_is_survived(hashing_base: KnowledgeBase, text: str) -> None:
    assert len(hashing_base.search(text).hits) in (0, 3)


def test_lookup(hashing_base: KnowledgeBase) -> None:
    rule = hashing_base.by_intent("ask_late_fee_rule")
    assert rule is not None
    assert rule is hashing_base.get("late-fee-rule")
    assert hashing_base.by_intent("greet") is None
    assert hashing_base.get("nowhere") is None
    assert hashing_base.references(rule)[0] == "《中华人民共和国税收征收管理法》第三十二条"
    assert [a.id for a in hashing_base.related(rule)] == list(rule.related)


def test_an_unanswerable_topic_is_never_returned(hashing_base: KnowledgeBase) -> None:
    result = hashing_base.search(load_decoys()[0][0])
    assert not result.confident
    assert 0 <= result.certainty < 0.5
    assert all(hit.article in hashing_base.articles for hit in result.hits)


def test_vectors_are_kept_by_content(tmp_path: Path) -> None:
    embedder = Counting()
    first = embed_cached(embedder, ["甲", "乙"], tmp_path)
    again = embed_cached(embedder, ["甲", "乙"], tmp_path)
    assert embedder.embedded == 2
    assert np.array_equal(first, again)
    more = embed_cached(embedder, ["丙", "甲", "丙"], tmp_path)
    assert embedder.embedded == 3
    assert np.array_equal(more[1], first[0]) and np.array_equal(more[0], more[2])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be", encoding="utf-8")
    assert embed_cached(Counting(), ["甲"], tmp_path / "taken").shape[0] == 1


def test_a_damaged_cache_is_computed_again(tmp_path: Path) -> None:
    embedder = Counting()
    expected = embed_cached(embedder, ["甲"], tmp_path)
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(b"not an array")
    assert np.array_equal(embed_cached(embedder, ["甲"], tmp_path), expected)
    assert embedder.embedded == 2


def test_loading_uses_the_cache(small_kb: Path, tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    KnowledgeBase.load(small_kb, embedder=first, cache_dir=tmp_path / "cache")
    KnowledgeBase.load(small_kb, embedder=second, cache_dir=tmp_path / "cache")
    assert first.embedded > 0
    assert second.embedded == 0


def test_bm25_prefers_the_document_with_the_rarer_word() -> None:
    index = Bm25([["税", "滞纳金"], ["税", "复议"], ["税"]])
    scores = index.scores(["税", "复议"])
    assert scores.argmax() == 1
    assert 0 < scores.max() <= 1


def test_bm25_falls_when_a_word_is_unknown() -> None:
    index = Bm25([["滞纳金"], ["复议"]])
    assert index.scores(["滞纳金", "火锅"])[0] < index.scores(["滞纳金"])[0]
    assert not index.scores(["火锅"]).any()
    assert not index.scores([]).any()


def test_dialect_spellings_become_the_same_words() -> None:
    words = Words(KB_ROOT)
    assert words.cut("缓交点样搞") == words.cut("缓缴怎么搞")
    assert "滞纳金" in words.cut("支拿金几多")
    assert words.cut("。！🙂") == []


@pytest.mark.parametrize("line", ["没有冒号", "甲:", ": 乙", "甲: 乙\n丙: 乙"])
def test_a_bad_synonym_line_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "synonyms.txt"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"synonyms\.txt"):
        load_synonyms(file)


def test_letters_survive_a_misspelt_word() -> None:
    written, misspelt = (set(Words.letters(text)) for text in ("延期缴纳", "言期缴纳"))
    assert len(written & misspelt) >= 4
    assert Words.letters("。！🙂") == []


def test_unknown_words_weigh_by_their_rarity() -> None:
    words = Words(KB_ROOT)
    known = {"税款", "分期"}
    assert words.unknown_share(["税款", "分期"], known) == 0
    assert words.unknown_share([], known) == 0
    assert words.unknown_share(["税款", "装潢"], known) > words.unknown_share(["税款", "我们"], known) > 0


@pytest.mark.parametrize("text", ["- 甲", "天气: 晴", "天气: []", "天气: [1]", "[", ""])
def test_bad_decoys_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "decoys.yml").write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"decoys\.yml"):
        load_decoys(tmp_path)
