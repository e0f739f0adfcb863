"""How measured figures stand in the model card."""

from __future__ import annotations

import re
from pathlib import Path

KEYS = ("descriptor", "names", "synonyms", "tags", "unseen", "heard", "listed", "combined", "pairs")
START, END = "<!-- figures -->", "<!-- /figures -->"


def figure_rows(figures: dict) -> list[str]:
    """Table rows for the model card."""
    tops = {key: f"top-1 {figures[f'{key}_top1']} %, top-5 {figures[f'{key}_top5']} %" for key in KEYS}
    asked = figures["obedience"]
    return [
        f"| the descriptor on moved training pictures (the ceiling) | {tops['descriptor']}, "
        f"style {figures['descriptor_style']} % |",
        f"| (a) motif names, {figures['names']} prompts | {tops['names']} |",
        f"| (b) held-out synonyms and tags, {figures['unseen']} prompts | {tops['unseen']} |",
        f"| of these, the synonyms, {figures['synonyms']} prompts | {tops['synonyms']} |",
        f"| of these, the tags, {figures['tags']} prompts | {tops['tags']} |",
        f"| the right name next to the same words in the text encoder, no picture drawn | {tops['heard']} |",
        f"| the last listed word of {figures['listed']} motifs | {tops['listed']} |",
        f"| (c) style obeyed, {asked // 2} pairs of prompts with style and background | {figures['style_obeyed']} % |",
        f"| style of each picture by itself | {figures['style_alone']} % |",
        f"| (c) background obeyed, the same {asked} prompts | {figures['background_obeyed']} % |",
        f"| motif in the same prompts | {tops['combined']} |",
        f"| each motif of {figures['pairs']} prompts with two, in its half | {tops['pairs']} |",
        f"| (d) autoencoder PSNR, whole training pictures | {figures['autoencoder_psnr']} dB |",
        f"| (e) seconds a picture, {figures['steps']} steps, {figures['threads']} threads | {figures['seconds']} |",
    ]


def write_figures(card: Path, figures: dict) -> None:
    """Between the two markers of the model card; everything else there is written by hand."""
    table = "\n".join([START, "| measured | result |", "|---|---|", *figure_rows(figures), END])
    text = card.read_text()
    card.write_text(re.sub(f"{START}.*?{END}", lambda _: table, text, flags=re.S))
