"""A dialect pack: how one region's speech is recognised, as told by ``dialects/packs/<pack>/pack.yml``.

``title`` and ``also`` are its Chinese names. ``regions`` lists places and landline area codes with the ``share`` of callers
registered there whom this pack hears better than Mandarin's. ``model`` names a folder under ``dialects/models``, ``null``
for a pack that has none and uses Mandarin's. ``voice`` is the voice that answers, ``""`` for the default one.
``thresholds.repair`` is the confidence below which repair may change a word, ``thresholds.ask_again`` the one below which
the whole utterance should be asked for again. ``tones`` are ``[tone, heard as, weight]``. ``spoken_lexicon`` says that
the words of ``lexicon.tsv`` are spoken as their characters are read in Mandarin. ``phrases`` are likely in any call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from dialects.confusions import Confusions, read_confusions
from dialects.lexicon import PACKS, TableError, read_table

DEFAULT = "mandarin"
"""The pack of somebody of whom nothing is known, and the model of packs that have none."""
MODELS = Path(__file__).parent / "models"
"""Where recognition models lie, one folder each in Vosk's layout."""
_KEYS = frozenset(
    ("title", "also", "regions", "model", "voice", "thresholds", "tones", "spoken_lexicon", "phrases")
)
_AREA_CODE = re.compile(r"0\d{2,4}")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


class PackError(ValueError):
    """A pack that cannot be used; the text (Chinese) says where and why."""


@dataclass(frozen=True)
class Region:
    """Places with one ``share`` (0 to 1)."""

    share: float
    places: tuple[str, ...]
    area_codes: tuple[str, ...]


@dataclass(frozen=True)
class Pack:
    """One pack; see the module for what its fields mean."""

    name: str
    title: str
    also: tuple[str, ...]
    regions: tuple[Region, ...]
    own_model: str | None
    voice: str
    repair_below: float
    ask_again_below: float
    tones: tuple[tuple[int, int, float], ...]
    phrases: tuple[str, ...]
    words: tuple[str, ...]
    """Dialect words that are spoken as their characters are read in Mandarin."""
    confusions: Confusions

    @property
    def model(self) -> str:
        """The model that hears this pack."""
        return self.own_model or DEFAULT

    @property
    def borrows(self) -> bool:
        """Whether it has no model of its own and uses Mandarin's."""
        return self.own_model is None


def read_pack(folder: Path) -> Pack:
    """The pack in ``folder``.

    Raises:
        PackError: a file is missing, cannot be read, or says something impossible.
    """
    path = folder / "pack.yml"
    if not _NAME.fullmatch(folder.name):
        raise PackError(f"{folder}：方言包的文件夹名只能用小写英文字母、数字、- 和 _")
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError(f"{path}：没有这个文件，请照 dialects/packs/README.md 补上") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PackError(f"{path}：不是有效的 YAML（{str(error).splitlines()[0]}）") from None
    if not isinstance(given, dict):
        raise PackError(f"{path}：应为“键: 值”的形式")
    if unknown := sorted(str(key) for key in given if key not in _KEYS):
        raise PackError(f"{path}：不认识 {'、'.join(unknown)}")
    try:
        table = read_confusions(folder / "confusions.yml")
        lexicon = folder / "lexicon.tsv"
        words = read_table(lexicon) if _flag(given, "spoken_lexicon") and lexicon.exists() else ()
    except FileNotFoundError:
        raise PackError(f"{folder / 'confusions.yml'}：没有这个文件") from None
    except TableError as error:
        raise PackError(f"{folder.name}：{error}") from None
    except _WrongError as error:
        raise PackError(f"{path}：{error}") from None
    try:
        thresholds = _mapping(given, "thresholds")
        return Pack(
            name=folder.name,
            title=_text(given, "title"),
            also=_texts(given, "also"),
            regions=tuple(_region(each) for each in _list(given, "regions")),
            own_model=_model(given),
            voice=str(given.get("voice") or ""),
            repair_below=_share(thresholds, "repair"),
            ask_again_below=_share(thresholds, "ask_again"),
            tones=tuple(_tone(each) for each in _list(given, "tones")),
            phrases=_texts(given, "phrases"),
            words=tuple(entry.written for entry in words),
            confusions=table,
        )
    except _WrongError as error:
        raise PackError(f"{path}：{error}") from None


@lru_cache(maxsize=4)
def all_packs(folder: Path = PACKS) -> Mapping[str, Pack]:
    """Every pack by name, Mandarin's first.

    Raises:
        PackError: one cannot be read, or there is no pack for Mandarin.
    """
    found = {path.name: read_pack(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    if DEFAULT not in found:
        raise PackError(f"{folder}：缺少普通话包 {DEFAULT}")
    return {DEFAULT: found.pop(DEFAULT), **found}


def find_pack(name: str, folder: Path = PACKS) -> Pack:
    """The pack called ``name``, by its folder or one of its Chinese names; :class:`PackError` when there is none."""
    packs = all_packs(folder)
    for pack in packs.values():
        if name in (pack.name, pack.title, *pack.also):
            return pack
    known = "、".join(f"{pack.name}（{pack.title}）" for pack in packs.values())
    raise PackError(f"没有方言包“{name}”。现有：{known}")


class _WrongError(ValueError):
    """What is wrong with one key, in Chinese."""


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _WrongError(f"{key} 应为一段文字")
    return value.strip()


def _list(given: Mapping[str, Any], key: str) -> list[Any]:
    value = given.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _WrongError(f"{key} 应为列表")
    return value


def _texts(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = _list(given, key)
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise _WrongError(f"{key} 的每一项应为文字（数字请加引号）")
    return tuple(value.strip() for value in values)


def _mapping(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    if not isinstance(value, dict):
        raise _WrongError(f"缺少 {key}")
    return value


def _flag(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise _WrongError(f"{key} 应为 true 或 false")
    return value


def _share(given: Mapping[str, Any], key: str) -> float:
    value = given.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise _WrongError(f"{key} 应为 0 到 1 之间的数")
    return float(value)


def _region(given: Any) -> Region:
    if not isinstance(given, dict):
        raise _WrongError("regions 的每一项应有 share、places、area_codes")
    codes = _texts(given, "area_codes")
    if wrong := [code for code in codes if not _AREA_CODE.fullmatch(code)]:
        raise _WrongError(f"区号 {wrong[0]} 应是 0 开头的 3 到 5 位数字")
    return Region(_share(given, "share"), _texts(given, "places"), codes)


def _tone(given: Any) -> tuple[int, int, float]:
    try:
        one, other, weight = given
        if {one, other} <= {1, 2, 3, 4, 5} and 0 <= weight <= 1:
            return int(one), int(other), float(weight)
    except (TypeError, ValueError):
        pass
    raise _WrongError("tones 的每一项应为 [声调, 声调, 权重]")


def _model(given: Mapping[str, Any]) -> str | None:
    value = given.get("model")
    if value is None:
        return None
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _WrongError("model 应为 dialects/models 下的文件夹名，没有就写 null")
    return value
