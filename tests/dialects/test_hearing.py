"""Real sound through the real Vosk: 8 kHz µ-law renderings of a synthetic voice, two of them with Sichuan's sounds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialects.acoustic import ModelError, Models
from dialects.align import distance
from dialects.choice import MultiPackRecogniser
from dialects.heard import Recogniser
from dialects.pack import MODELS, all_packs
from dialects.prior import prior
from dialects.recogniser import PackRecogniser
from gateway.cli.main import app
from gateway.sound_files import read_wav

pytestmark = pytest.mark.audio
AUDIO = Path(__file__).parent / "audio"
SAID = {
    "late_fee": "你好我想问一下滞纳金怎么算",
    "deferral": "我要申请延期缴纳税款",
    "promise": "下个月十五号之前交五万三千块",
    "digits": "幺三八零零幺三八",
    "sichuan_deferral": "我想申请延期缴纳税款",
    "sichuan_amount": "我这个月总共要交好多税",
}
STEP = 3840


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


def _sound(name: str) -> bytes:
    return read_wav(AUDIO / f"{name}.wav").astype("<i2").tobytes()


def _feed(recogniser: Recogniser, name: str) -> Iterator[str]:
    sound = _sound(name)
    for start in range(0, len(sound), STEP):
        recogniser.accept(sound[start : start + STEP])
        yield recogniser.partial()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("late_fee", "你好我想问一下滞纳金怎么算"),
        ("deferral", "我要申请延期缴纳税款"),
        ("promise", "下个月15号之前交53000块"),
    ],
)
def test_standard_speech_is_heard_over_the_telephone(models: Models, name: str, text: str) -> None:
    recogniser = PackRecogniser(all_packs()["mandarin"], models)
    partials = list(_feed(recogniser, name))
    heard = recogniser.finish()
    assert distance(heard.raw, SAID[name]) <= 1
    assert distance(heard.text, text) <= 1
    assert heard.confidence > 0.8 and " " not in heard.raw + "".join(partials)
    assert any(partials) and len(set(partials)) > 2
    assert "".join(word.text for word in heard.words) == heard.raw
    ends = [time for word in heard.words for time in (word.began_ms, word.ended_ms)]
    assert ends == sorted(ends) and ends[0] >= 0 and ends[-1] <= len(_sound(name)) / 32


def test_one_recogniser_hears_a_whole_call(models: Models) -> None:
    recogniser = PackRecogniser(all_packs()["mandarin"], models)
    for name in ("deferral", "digits", "late_fee"):
        recogniser.expect("digits" if name == "digits" else "open", digits=8 if name == "digits" else None)
        list(_feed(recogniser, name))
        heard = recogniser.finish()
        assert heard.words[0].began_ms < 1000
        if name == "digits":
            assert heard.text == "13800138"
    recogniser.accept(b"\0\0" * 16_000)
    assert recogniser.finish().text == ""


def test_accented_speech_needs_its_pack_and_the_call_finds_it(models: Models) -> None:
    packs = all_packs()
    plain = PackRecogniser(packs["mandarin"], models)
    chosen = MultiPackRecogniser(packs, models, prior(packs, "成都市"))
    assert chosen.undecided
    errors = {"plain": 0, "chosen": 0}
    for name in ("sichuan_deferral", "sichuan_amount"):
        for key, recogniser in (("plain", plain), ("chosen", chosen)):
            list(_feed(recogniser, name))
            errors[key] += distance(recogniser.finish().raw, SAID[name])
    assert chosen.pack == "sichuan"
    assert errors["chosen"] * 3 < errors["plain"]


def test_calls_share_a_model_between_threads(models: Models) -> None:
    def call(name: str) -> str:
        recogniser = PackRecogniser(all_packs()["mandarin"], models)
        list(_feed(recogniser, name))
        return recogniser.finish().raw

    names = ["late_fee", "deferral", "promise"] * 2
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(call, names))
    # Kaldi's front end adds a little noise of its own, so a word on the edge may fall either way.
    for heard, alone in zip(together, [call(name) for name in names[:3]] * 2, strict=True):
        assert SequenceMatcher(None, heard, alone).ratio() > 0.8


@pytest.mark.parametrize("file", ["am/final.mdl", "graph/Gr.fst", "graph/HCLr.fst"])
def test_a_model_that_is_cut_off_is_refused(tmp_path: Path, file: str) -> None:
    shutil.copytree(MODELS / "mandarin", tmp_path / "mandarin")
    cut = tmp_path / "mandarin" / file
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(ModelError, match="已损坏"):
        Models(tmp_path).get("mandarin")


def test_the_command_line_transcribes_what_it_can() -> None:
    files = [
        str(AUDIO / "late_fee.wav"),
        str(AUDIO / "none.wav"),
        __file__,
        str(AUDIO / "sichuan_deferral.wav"),
    ]
    run = CliRunner().invoke(app, ["dialect", "transcribe", *files, "--json"])
    assert run.exit_code == 1
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row["file"] for row in rows] == [files[0], files[3]]
    assert all(set(row) == {"file", "text", "confidence", "pack"} for row in rows)
    assert rows[0]["pack"] == "mandarin" and rows[1]["pack"] == "sichuan"
    assert "滞纳金" in rows[0]["text"] and "延期缴纳" in rows[1]["text"]
    assert "none.wav：没有这个文件" in run.stderr and "test_hearing.py：不是 WAV 文件" in run.stderr


def test_the_command_line_measures_a_folder(tmp_path: Path) -> None:
    lines = []
    for name in ("deferral", "sichuan_deferral"):
        shutil.copy(AUDIO / f"{name}.wav", tmp_path)
        pack = "sichuan" if name.startswith("sichuan") else "mandarin"
        lines.append(json.dumps({"file": f"{name}.wav", "text": SAID[name], "pack": pack}))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines), encoding="utf-8")
    run = CliRunner().invoke(
        app, ["dialect", "eval", str(tmp_path), "--pack", "普通话", "--pack", "sichuan", "--json"]
    )
    assert run.exit_code == 0
    told = json.loads(run.stdout)
    cer = {(row["accent"], row["pack"]): row["cer"] for row in told["figures"]}
    assert cer["sichuan", "sichuan"] < cer["sichuan", "mandarin"]
    assert cer["mandarin", "mandarin"] <= 0.1
    assert len(told["recordings"]) == 4
    table = CliRunner().invoke(app, ["dialect", "eval", str(tmp_path)])
    assert "识别字错率" in table.stdout and "sichuan" in table.stdout


def test_the_command_line_lists_and_checks() -> None:
    listed = CliRunner().invoke(app, ["dialect", "list", "--json"])
    rows = {row["pack"]: row for row in json.loads(listed.stdout)}
    assert set(rows) == set(all_packs())
    assert rows["northeast"]["model"] is None and rows["northeast"]["heard_with"] == "mandarin"
    checked = CliRunner().invoke(app, ["dialect", "check"])
    assert checked.exit_code == 0 and "没有自己的语音模型，用普通话的" in checked.stdout
    assert CliRunner().invoke(app, ["dialect", "transcribe", "x.wav", "--pack", "火星话"]).exit_code == 2
