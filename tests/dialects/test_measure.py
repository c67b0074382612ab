from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialects.transcribing import Transcript
from gateway.dialect_measure import ManifestError, Outcome, Recording, as_json, figures, plain, read_manifest

pytestmark = pytest.mark.unit


def _outcome(
    said: str, raw: str, text: str, *, intent: str = "", accent: str = "", pack: str = "mandarin"
) -> Outcome:
    return Outcome(Recording(Path("a.wav"), said, intent, accent), Transcript(text, raw, 0.5, pack))


def test_what_is_written_differently_is_no_error() -> None:
    assert plain("我先交五万三千块。") == plain("我先交53000块") == "我先交53000块"
    (row,) = figures([_outcome("交五万三千块。", "交五万三千块", "交53000块")])
    assert (row.raw_cer, row.cer, row.exact) == (0, 0, 1)


def test_errors_are_counted_over_all_characters_of_a_group() -> None:
    rows = figures(
        [
            _outcome("滞纳金怎么算", "支拿金怎么算", "滞纳金怎么算"),
            _outcome("你好吗", "你好", "你好"),
            _outcome("我要延期", "我要言期", "我要延期", accent="sichuan", pack="sichuan"),
        ]
    )
    assert [(row.accent, row.pack, row.sentences) for row in rows] == [
        ("mandarin", "mandarin", 2),
        ("sichuan", "sichuan", 1),
    ]
    assert rows[0].raw_cer == pytest.approx(3 / 9) and rows[0].cer == pytest.approx(1 / 9)
    assert rows[0].exact == 0.5 and rows[1].exact == 1
    assert rows[0].intents is None


def test_intents_are_judged_only_where_they_are_labelled() -> None:
    seen: list[str] = []

    def right(outcomes: list[Outcome]) -> list[bool]:
        seen.extend(each.heard.text for each in outcomes)
        return [each.heard.text == "好" for each in outcomes]

    (row,) = figures(
        [
            _outcome("好", "好", "好", intent="affirm"),
            _outcome("行", "性", "性", intent="affirm"),
            _outcome("嗯", "嗯", "嗯"),
        ],
        right,
    )
    assert seen == ["好", "性"] and row.intents == 0.5


def test_machines_get_figures_and_each_recording() -> None:
    outcomes = [_outcome("你好", "你号", "你好")]
    told = json.loads(json.dumps(as_json(figures(outcomes), outcomes), ensure_ascii=False))
    assert told["figures"][0]["raw_cer"] == 0.5
    assert told["recordings"][0] == {
        "file": "a.wav", "said": "你好", "text": "你好", "raw": "你号", "confidence": 0.5, "pack": "mandarin",
    }  # fmt: skip


def test_a_manifest_is_read(tmp_path: Path) -> None:
    lines = [
        '{"file": "a.wav", "text": "你好", "intent": "greet", "pack": "sichuan"}',
        "",
        '{"file": "b.wav", "text": "喂", "accent": "henan"}',
    ]
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines), encoding="utf-8")
    first, second = read_manifest(tmp_path)
    assert first == Recording(tmp_path / "a.wav", "你好", "greet", "sichuan")
    assert second.pack == "henan" and not second.intent


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (None, "读不到清单"),
        ("", "清单是空的"),
        ('{"file": "a.wav"}', "第 1 行"),
        ('{"file": "a.wav", "text": "好"}\nfile', "第 2 行"),
        ('{"file": "a.wav", "text": "。"}', "text 不能为空"),
        ('{"file": 3, "text": "好"}', "都应为文字"),
        ('["a.wav", "好"]', "第 1 行"),
    ],
)
def test_a_bad_manifest_says_where(tmp_path: Path, written: str | None, complaint: str) -> None:
    if written is not None:
        (tmp_path / "manifest.jsonl").write_text(written, encoding="utf-8")
    with pytest.raises(ManifestError, match=complaint):
        read_manifest(tmp_path)
