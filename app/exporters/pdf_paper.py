"""The paper of a PDF: its fonts and colours, lines of text that fit what the font has, and the foot of each page."""

import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

_BOX = "□"
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
"""Marks that only change the letter before them: without it in the font they are left out."""

_COLOURS = {
    "$ink": (29, 33, 38), "$ink-2": (80, 86, 94), "$ink-3": (102, 107, 115), "$line": (221, 216, 204),
    "$line-soft": (233, 229, 219), "$line-strong": (135, 129, 111), "$bronze": (133, 86, 15),
    "$bronze-soft": (247, 236, 215), "$bronze-line": (217, 183, 119), "$ok": (28, 107, 87), "$run": (36, 87, 166),
    "$fail": (174, 36, 24), "$warn": (138, 75, 0), "$wait": (110, 58, 148), "$idle": (91, 97, 106),
}  # fmt: skip


def colour(token: str) -> tuple[int, int, int]:
    """Return the colour of a token as the light pages have it."""
    return _COLOURS.get(token, _COLOURS["$idle"])


class Paper:
    """A document of fpdf2, and what is written on it in one font."""

    def __init__(self, pdf: Any, fonts: Path) -> None:
        self.pdf = pdf
        self.is_lacking = False  # whether a letter was met that the font does not have
        pdf.add_font("body", "", fonts / "DejaVuSans.ttf")
        pdf.add_font("body", "B", fonts / "DejaVuSans-Bold.ttf")
        self._signs = frozenset(pdf.fonts["body"].cmap) & frozenset(pdf.fonts["bodyB"].cmap)
        self.ink("$ink", 10)

    def ink(self, token: str, size: float, *, bold: bool = False) -> None:
        """Choose colour and size (points) of what is written next."""
        self.pdf.set_font("body", "B" if bold else "", size)
        self.pdf.set_text_color(*colour(token))

    def line(self, text: str, size: float, token: str = "$ink", *, bold: bool = False) -> None:  # noqa: S107 a colour
        """Write a paragraph as wide as the page."""
        self.ink(token, size, bold=bold)
        self.pdf.multi_cell(0, size * 0.5, self.fit(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def foot(self, text: str) -> None:
        """Write a line at the foot of each page, with its number."""
        self.pdf.footer = partial(self._foot, self.cut(text, 120, 8))

    def _foot(self, text: str) -> None:
        self.pdf.set_y(-14)
        self.ink("$ink-3", 8)
        self.pdf.cell(0, 5, text, align="L", new_x="LMARGIN", new_y="TOP")
        self.pdf.cell(0, 5, f"{self.pdf.page_no()} of {{nb}}", align="R")

    def fit(self, text: str) -> str:
        """Return a text on one line in letters that the font has, with a box for each other."""
        kept = []
        for letter in unicodedata.normalize("NFC", " ".join(text.split())):
            if ord(letter) in self._signs:
                kept.append(letter)
            elif unicodedata.category(letter) not in _UNSEEN:
                self.is_lacking = True
                kept.append(_BOX)
        return "".join(kept)

    def cut(self, text: str, width: float, size: float) -> str:
        """Return a text, or its beginning, that is at most `width` mm long in this size."""
        self.ink("$ink", size)
        text = self.fit(text)
        if self.pdf.get_string_width(text) <= width:
            return text
        while text and self.pdf.get_string_width(f"{text}…") > width:
            text = text[:-1]
        return f"{text}…"
