from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dialects.lexicon import PACKS
from dialects.pack import PackError, all_packs, find_pack, read_pack

pytestmark = pytest.mark.unit


def test_every_folder_is_a_pack_and_mandarin_comes_first() -> None:
    packs = all_packs()
    assert set(packs) == {path.name for path in PACKS.iterdir() if path.is_dir()}
    assert next(iter(packs)) == "mandarin"
    assert all(pack.phrases and pack.title for pack in packs.values())


def test_a_pack_without_a_model_says_so_and_uses_mandarins() -> None:
    northeast = all_packs()["northeast"]
    assert northeast.borrows and northeast.model == "mandarin"
    assert not all_packs()["sichuan"].borrows


def test_no_place_and_no_area_code_belongs_to_two_packs() -> None:
    for kind in ("places", "area_codes"):
        named = [
            each for pack in all_packs().values() for region in pack.regions for each in getattr(region, kind)
        ]
        assert len(named) == len(set(named))


def test_a_pack_is_found_by_any_of_its_names() -> None:
    assert find_pack("sichuan") is find_pack("四川话") is find_pack("重庆话")
    with pytest.raises(PackError, match="没有方言包“火星话”。现有：mandarin（普通话）"):
        find_pack("火星话")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("title: 四川话", "title:", "title 应为一段文字"),
        ("model: sichuan", "model: ../../etc", "model 应为"),
        ("repair: 0.9", "repair: 9", "repair 应为 0 到 1"),
        ('"028"', "28", "加引号"),
        ('"028"', '"28"', "区号 28"),
        ("[2, 3, 0.7]", "[2, 9, 0.7]", "tones"),
        ("spoken_lexicon: true", "spoken_lexicon: maybe", "spoken_lexicon"),
        ("voice:", "voize:", "不认识 voize"),
        ("title: 四川话", "title: [", "YAML"),
    ],
)
def test_what_is_wrong_is_said_in_chinese(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    folder = tmp_path / "sichuan"
    shutil.copytree(PACKS / "sichuan", folder)
    written = (folder / "pack.yml").read_text(encoding="utf-8")
    assert old in written
    (folder / "pack.yml").write_text(written.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PackError, match=complaint):
        read_pack(folder)


@pytest.mark.parametrize("file", ["pack.yml", "confusions.yml"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "sichuan"
    shutil.copytree(PACKS / "sichuan", folder)
    (folder / file).unlink()
    with pytest.raises(PackError, match=file):
        read_pack(folder)


def test_there_has_to_be_a_pack_for_mandarin(tmp_path: Path) -> None:
    shutil.copytree(PACKS / "henan", tmp_path / "henan")
    with pytest.raises(PackError, match="缺少普通话包"):
        all_packs(tmp_path)
