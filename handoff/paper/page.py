"""An A4 page to draw on: ruled cells and text that stays inside them. Lengths in mm, sizes in points."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal

from fpdf import FPDF
from fpdf.enums import TextMode
from fpdf.fonts import TTFFont

from handoff.paper.embed import IdentityProducer, use_own_ids
from handoff.paper.fonts import FontFace
from handoff.paper.text import ELLIPSIS, LEADING, MM_PER_POINT, Fitted, fit, printable

WIDTH, HEIGHT = 210.0, 297.0
HAIRLINE, FRAME = 0.2, 0.5
PADDING = 1.6
BODY: tuple[float, ...] = (9.5, 9, 8.5, 8, 7.5, 7, 6.5, 6)
SMALL: tuple[float, ...] = (8, 7.5, 7, 6.5, 6)

_FAMILY = "form"
_RULE = (70, 74, 78)
_SHADE = (238, 242, 240)


class Ink(StrEnum):
    """Colours of text, as hexadecimal RGB."""

    BLACK = "#1a1a1a"
    GREY = "#5a6066"
    FAINT = "#9aa0a6"


Align = Literal["left", "center", "right"]


class Page:
    """A page with one embedded face; ``at`` becomes the date of creation in the file (None: left out)."""

    def __init__(self, face: FontFace, *, title: str, at: datetime | None) -> None:
        self._pdf = FPDF("P", "mm", "A4")
        # A user's own "{nb}" is text, not the number of pages.
        self._pdf.alias_nb_pages(None)  # type: ignore[arg-type]
        self._pdf.set_auto_page_break(False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._pdf.add_font(_FAMILY, "", face.path, collection_font_number=face.index)
        font = self._pdf.fonts[_FAMILY]
        if not isinstance(font, TTFFont):
            raise TypeError(f"{face.path} is no embeddable font")
        use_own_ids(font)
        self._font = font
        self._pdf.set_title(self.clean(title))
        self._pdf.set_lang("zh-CN")
        self._pdf.set_creator("Shuiling")
        if at is not None:
            self._pdf.set_creation_date(at)
        self._pdf.add_page()
        self._pdf.set_font(_FAMILY, size=10)

    def turn(self) -> None:
        """Go on on a fresh page of the same paper."""
        self._pdf.add_page()

    def clean(self, text: str) -> str:
        """``text`` with only what this face can print."""
        return printable(text, lambda char: ord(char) in self._font.cmap)

    def measure(self, text: str) -> float:
        """Width of ``text`` in units of its size."""
        return sum(self._font.cw[ord(char)] for char in text) / 1000

    def fitted(self, text: str, *, w: float, h: float, sizes: Sequence[float] = BODY) -> Fitted:
        """Cleaned ``text`` in lines that fit ``w`` × ``h``."""
        return fit(self.clean(text), self.measure, width=w, height=h, sizes=sizes)

    def box(
        self, x: float, y: float, w: float, h: float, *, shade: bool = False, line: float = HAIRLINE
    ) -> None:
        """A ruled rectangle."""
        with self._pdf.local_context(line_width=line, draw_color=_RULE, fill_color=_SHADE):
            self._pdf.rect(x, y, w, h, style="DF" if shade else "D")

    def tick(self, x: float, y: float, side: float, *, ticked: bool) -> None:
        """A box to tick; drawn, since few faces have the sign."""
        self.box(x, y, side, side)
        if ticked:
            with self._pdf.local_context(line_width=FRAME, draw_color=_RULE):
                points = [
                    (x + side * px, y + side * py) for px, py in ((0.18, 0.5), (0.42, 0.78), (0.85, 0.2))
                ]
                self._pdf.polyline(points)

    def line(
        self, text: str, x: float, y: float, *, size: float, ink: Ink = Ink.BLACK, bold: bool = False
    ) -> None:
        """One line of clean text with its middle at height ``y``."""
        baseline = y + size * MM_PER_POINT * 0.36
        with self._pdf.local_context(text_color=str(ink), font_size_pt=size):
            if not bold:
                self._pdf.text(x, baseline, text)
                return
            # A second face would double the time it takes to make the file.
            width = size * 0.03
            with self._pdf.local_context(
                text_mode=TextMode.FILL_STROKE, line_width=width, draw_color=str(ink)
            ):
                self._pdf.text(x, baseline, text)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        w: float,
        h: float,
        *,
        sizes: Sequence[float] = BODY,
        align: Align = "left",
        top: bool = False,
        ink: Ink = Ink.BLACK,
        bold: bool = False,
    ) -> Fitted:
        """``text`` cleaned, shrunk and cut as needed, inside the rectangle; set from its top or in its middle."""
        done = self.fitted(text, w=w, h=h, sizes=sizes)
        step = done.size * LEADING * MM_PER_POINT
        start = y if top else y + (h - step * len(done.lines)) / 2
        for i, line in enumerate(done.lines):
            slack = w - self.measure(line) * done.size * MM_PER_POINT
            shift = {"left": 0.0, "center": slack / 2, "right": slack}[align]
            self.line(line, x + shift, start + step * (i + 0.5), size=done.size, ink=ink, bold=bold)
        return done

    def label(self, text: str, x: float, y: float, w: float, h: float) -> None:
        """A shaded cell naming its neighbour."""
        self.box(x, y, w, h, shade=True)
        self.write(text, x + 1, y, w - 2, h, sizes=(9, 8.5, 8, 7.5, 7), align="center")

    def figure(self, text: str, x: float, y: float, w: float, h: float) -> None:
        """A white cell with a number: to the right, shrunk rather than broken over two lines."""
        self.box(x, y, w, h)
        one_line = BODY[-1] * LEADING * MM_PER_POINT
        self.write(text, x + PADDING, y + (h - one_line) / 2, w - 2 * PADDING, one_line, align="right")

    def value(self, text: str, x: float, y: float, w: float, h: float) -> None:
        """A white cell with what was filled in."""
        self.box(x, y, w, h)
        self.write(text, x + PADDING, y + 0.4, w - 2 * PADDING, h - 0.8)

    def side(self, text: str, x: float, y: float, w: float, h: float) -> None:
        """A shaded cell at the margin, its text running down."""
        self.box(x, y, w, h, shade=True)
        size = min(9.5, h / (len(text) * 1.25 * MM_PER_POINT))
        step = size * 1.25 * MM_PER_POINT
        top = y + (h - step * len(text)) / 2
        for i, char in enumerate(text):
            left = x + (w - self.measure(char) * size * MM_PER_POINT) / 2
            self.line(char, left, top + step * (i + 0.5), size=size, bold=True)

    def one_line(self, text: str, *, w: float, size: float, tail: str = "") -> str:
        """``text`` in one line of ``w``, its end cut as needed; ``tail`` is always kept."""
        room = w / (size * MM_PER_POINT)
        clean, end = self.clean(text).replace("\n", " "), self.clean(tail)
        if self.measure(clean + end) <= room:
            return clean + end
        while clean and self.measure(clean + ELLIPSIS + end) > room:
            clean = clean[:-1]
        return clean + ELLIPSIS + end

    def watermark(self, text: str) -> None:
        """Light, large, across the page, over everything so that no cell hides it."""
        size = 76.0
        clean = self.clean(text)
        width = self.measure(clean) * size * MM_PER_POINT
        with (
            self._pdf.rotation(40, WIDTH / 2, HEIGHT / 2),
            self._pdf.local_context(fill_opacity=0.13, text_color="#b03030", font_size_pt=size),
        ):
            self._pdf.text(WIDTH / 2 - width / 2, HEIGHT / 2 + size * MM_PER_POINT * 0.36, clean)

    def to_bytes(self) -> bytes:
        """The file; nothing can be drawn on it afterwards."""
        try:
            return bytes(self._pdf.output(output_producer_class=IdentityProducer))
        finally:
            self._font.ttfont.close()
