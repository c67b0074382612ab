from pathlib import Path

import pytest

from dialects.training.recordings import RecordingError, kept_aside, transcripts, words_in_names

pytestmark = pytest.mark.unit


def test_a_table_says_what_is_in_each_file(tmp_path: Path) -> None:
    (tmp_path / "transcripts.tsv").write_text("a.wav\t我要缓缴\n\nb/c.wav\t 好的 \n", encoding="utf-8")
    assert transcripts(tmp_path) == {tmp_path / "a.wav": "我要缓缴", tmp_path / "b/c.wav": "好的"}


def test_or_a_text_lies_beside_each_file(tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac", "c.doc"):
        (tmp_path / name).touch()
    (tmp_path / "a.txt").write_text("晓得了\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("不是声音", encoding="utf-8")
    assert transcripts(tmp_path) == {tmp_path / "a.wav": "晓得了"}


def test_a_bad_table_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "transcripts.tsv").write_text("a.wav\t好\nb.wav 没有制表符\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"transcripts\.tsv:2"):
        transcripts(tmp_path)


def test_an_empty_folder_says_what_to_put_in(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"transcripts\.tsv"):
        transcripts(tmp_path)


def test_single_words_are_named_by_their_file(tmp_path: Path) -> None:
    for name in ("cmn-往常.mp3", "cmn-重_heavy_.mp3", "README.md"):
        (tmp_path / name).touch()
    assert sorted(words_in_names(tmp_path).values()) == ["往常", "重"]


def test_one_word_in_ten_is_kept_aside_always_the_same() -> None:
    words = [chr(0x4E00 + at) for at in range(2000)]
    aside = [word for word in words if kept_aside(word)]
    assert 150 <= len(aside) <= 250
    assert aside == [word for word in words if kept_aside(word)]
