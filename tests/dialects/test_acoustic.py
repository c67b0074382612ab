from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dialects.acoustic import ModelError, Models, changed_files, missing_files, write_sums
from dialects.pack import MODELS, all_packs

pytestmark = pytest.mark.unit
FILES = (
    "am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/phones/word_boundary.int", "graph/HCLr.fst", "graph/Gr.fst",
    "graph/disambig_tid.int",
)  # fmt: skip


def _model(folder: Path, name: str) -> Path:
    for file in FILES:
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    return folder / name


def test_a_model_is_loaded_once_for_all_threads(tmp_path: Path) -> None:
    _model(tmp_path, "mandarin")
    loads: list[Path] = []
    ready = threading.Barrier(8)

    def load(path: Path) -> object:
        loads.append(path)
        return object()

    models = Models(tmp_path, load)
    found: list[object] = []

    def ask() -> None:
        ready.wait()
        found.append(models.get("mandarin"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1 and len(found) == 8 and len(set(map(id, found))) == 1


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="没有语音模型 mandarin.*make models"):
        Models(tmp_path, lambda path: path).get("mandarin")


@pytest.mark.parametrize("file", FILES)
def test_an_incomplete_model_names_the_file(tmp_path: Path, file: str) -> None:
    (_model(tmp_path, "mandarin") / file).write_bytes(b"")
    with pytest.raises(ModelError, match=f"不完整，缺少 {file}（"):
        Models(tmp_path, lambda path: path).get("mandarin")


def test_a_damaged_model_is_told_from_a_missing_one_and_tried_again(tmp_path: Path) -> None:
    _model(tmp_path, "mandarin")
    answers: list[object] = [RuntimeError("Failed to create a model"), "loaded"]

    def load(path: Path) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    models = Models(tmp_path, load)
    with pytest.raises(ModelError, match="已损坏"):
        models.get("mandarin")
    assert models.get("mandarin") == "loaded"


def test_a_file_that_does_not_match_its_sum_is_never_given_to_vosk(tmp_path: Path) -> None:
    path = _model(tmp_path, "mandarin")
    write_sums(path)
    assert Models(tmp_path, lambda _: "loaded").get("mandarin") == "loaded"
    (path / "graph/disambig_tid.int").write_text("y", encoding="utf-8")
    with pytest.raises(ModelError, match=r"已损坏：graph/disambig_tid\.int"):
        Models(tmp_path, lambda _: pytest.fail("loaded")).get("mandarin")


def test_a_pack_whose_model_is_not_there_is_heard_with_mandarins(tmp_path: Path) -> None:
    _model(tmp_path, "mandarin")
    packs, models = all_packs(), Models(tmp_path, lambda path: path)
    assert {models.name_for(pack) for pack in packs.values()} == {"mandarin"}
    _model(tmp_path, "sichuan")
    assert models.name_for(packs["sichuan"]) == "sichuan"


def test_mandarins_model_may_lie_elsewhere(tmp_path: Path) -> None:
    other = _model(tmp_path / "official", "vosk-model-small-cn")
    models = Models(tmp_path, lambda path: path, mandarin=other)
    assert models.get("mandarin") == other
    assert models.path("sichuan") == tmp_path / "sichuan"


@pytest.mark.parametrize("name", ["mandarin", "sichuan", "cantonese"])
def test_the_models_that_are_shipped_are_whole(name: str) -> None:
    assert (MODELS / name / "SHA256SUMS").is_file() and (MODELS / name / "CARD.md").is_file()
    assert changed_files(MODELS / name) == [] == missing_files(MODELS / name)
