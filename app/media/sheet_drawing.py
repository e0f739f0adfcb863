"""Draws a contact sheet, in the process that holds the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from app.media.sheets import BAND, GAP, Sheet
from app.media.transforms import png

PAPER: Final = (255, 255, 255)
EMPTY: Final = (232, 232, 232)
INK: Final = (32, 32, 32)
FONT_PIXELS: Final = 12


def drawn_sheet(sheet: Sheet, pictures: Sequence[Image.Image]) -> bytes:
    """A PNG file: each picture whole in the middle of its cell, its label below; cells without one are grey."""
    paper = Image.new("RGB", sheet.size, PAPER)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(FONT_PIXELS)
    for place, cell in enumerate(sheet.cells):
        row, column = divmod(place, sheet.columns)
        left = GAP + column * (sheet.side + GAP)
        top = GAP + row * (sheet.side + sheet.band + GAP)
        if cell.picture is None:
            paper.paste(EMPTY, (left, top, left + sheet.side, top + sheet.side))
        else:
            small = pictures[cell.picture].copy()
            small.thumbnail((sheet.side, sheet.side), Image.Resampling.LANCZOS)
            paper.paste(small, (left + (sheet.side - small.width) // 2, top + (sheet.side - small.height) // 2))
        if cell.label:
            text = fitting(cell.label, sheet.side, font)
            pen.text((left, top + sheet.side + (BAND - FONT_PIXELS) // 2 - 1), text, fill=INK, font=font)
    return png(paper, sheet.size)


def fitting(label: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of `label` as fits into `width` pixels on one line."""
    text = " ".join(label.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
