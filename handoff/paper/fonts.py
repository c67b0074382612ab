"""The Chinese font of this system, found once, to be embedded so that a paper looks the same everywhere."""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont  # type: ignore[import-untyped]

DEBIAN_FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
_PROBE = "税缴纳壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整①⑥□《》（）￥−…"
_FORMATS = {".ttf", ".ttc", ".otf", ".otc"}

# fontTools tells every step of a subset at INFO.
logging.getLogger("fontTools").setLevel(logging.WARNING)


class DocumentError(RuntimeError):
    """A paper that cannot be made here. ``str(error)`` is Simplified Chinese and says what to install."""


@dataclass(frozen=True, slots=True)
class FontFace:
    """One face of a font file; ``index`` is 0 unless the file is a collection."""

    path: Path
    index: int


@cache
def chinese_font() -> FontFace:
    """The face to print with: Debian's Noto Sans CJK, else what fontconfig offers for Simplified Chinese.

    Only a face with every sign the form needs is taken. DocumentError when there is none.
    """
    for path in _candidates():
        face = _face_in(path)
        if face is not None:
            return face
    raise DocumentError(
        "系统里没有可用的中文字体，暂时无法生成PDF。请安装 fonts-noto-cjk（apt-get install fonts-noto-cjk）后重试。"
    )


def _candidates() -> Iterator[Path]:
    if DEBIAN_FONT.is_file():
        yield DEBIAN_FONT
    yield from sorted(_known_to_fontconfig(), key=_preference)


def _known_to_fontconfig() -> set[Path]:
    try:
        told = subprocess.run(
            ["fc-list", "-f", "%{file}\n", ":lang=zh-cn"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return set()
    return {Path(line) for line in told.stdout.splitlines() if Path(line).suffix.lower() in _FORMATS}


def _preference(path: Path) -> tuple[bool, bool, bool, str]:
    """Upright sans of normal weight first; the name breaks ties so that every start picks the same."""
    name = path.name.lower()
    return (
        bool(re.search(r"bold|black|light|thin|medium|italic|mono", name)),
        "serif" in name,
        "regular" not in name,
        str(path),
    )


def _face_in(path: Path) -> FontFace | None:
    try:
        if path.suffix.lower() not in (".ttc", ".otc"):
            with TTFont(path, lazy=True) as font:
                return FontFace(path, 0) if _covers(font) else None
        with TTCollection(path, lazy=True) as collection:
            # Only the names are read of every face: each table of characters costs a tenth of a second.
            order = sorted(range(len(collection)), key=lambda i: _is_foreign(collection[i]))
            return next((FontFace(path, i) for i in order if _covers(collection[i])), None)
    except Exception:
        # fontTools has no one error for a damaged file: assertions, struct and decoding errors all come through.
        return None


def _covers(font: TTFont) -> bool:
    known = font.getBestCmap() or {}
    return all(ord(sign) in known for sign in _PROBE)


def _is_foreign(font: TTFont) -> bool:
    """Whether a face draws the shapes of another region than the mainland's, or is monospaced."""
    name = font["name"].getDebugName(4) or ""
    return bool(re.search(r"\b(JP|KR|TC|HK|Mono)\b", name))
