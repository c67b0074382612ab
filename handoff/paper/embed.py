"""CID-keyed OpenType faces embedded under their own character ids.

fpdf2 numbers the characters of a document anew and explains its numbers with a CMap inside the file. Viewers
follow that, but several programs that only read the text do not. With the face's own ids as codes the file can
say ``Identity-H``, which all of them know.
"""

from __future__ import annotations

from typing import Any

from fpdf import FPDF
from fpdf.fonts import Glyph, SubsetMap, TTFFont
from fpdf.output import OutputProducer
from fpdf.syntax import Name


def use_own_ids(font: TTFFont) -> None:
    """Give each character of a CID-keyed ``font`` its id as its code; other faces stay as fpdf2 has them."""
    if font.is_cff and font.is_cid_keyed:
        font.subset = _OwnIds(font)


class _OwnIds(SubsetMap):
    def __init__(self, font: TTFFont) -> None:
        super().__init__(font)
        self._char_id_per_glyph = {
            glyph: _cid(glyph) for glyph in self._char_id_per_glyph if glyph is not None
        }

    def pick_glyph(self, glyph: Glyph | None) -> int | None:
        if glyph is None:
            return None
        return self._char_id_per_glyph.setdefault(glyph, _cid(glyph))


def _cid(glyph: Glyph) -> int:
    """fontTools names the glyphs of such a face by their ids: ``cid17118``; ``.notdef`` is 0."""
    return int(glyph.glyph_name.removeprefix("cid")) if glyph.glyph_name.startswith("cid") else 0


class IdentityProducer(OutputProducer):
    """Writes the file with ``Identity-H`` where use_own_ids made the codes ids."""

    def __init__(self, fpdf: FPDF) -> None:
        super().__init__(fpdf)
        self._own = {
            font.i for font in fpdf.fonts.values() if isinstance(getattr(font, "subset", None), _OwnIds)
        }

    def _add_fonts(self, *args: Any, **kwargs: Any) -> Any:
        fonts = super()._add_fonts(*args, **kwargs)
        for i in self._own & fonts.keys():
            fonts[i].encoding = Name("Identity-H")  # type: ignore[misc]
        return fonts
