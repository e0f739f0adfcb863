"""Knows how to measure an exported model and where the figures go; does not know how it was trained."""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from tqdm import tqdm

from training import captions, features, latents, motifs, pictures, sheets, workspace

logger = logging.getLogger(__name__)

STEPS, GUIDANCE, BATCH, SEED = 20, 3.0, 6, 1000
COLOUR_TOLERANCE = 25.0  # CIE76; a just noticeable difference is about 2, white to cream 13, blue to navy 50
KEYS = ("descriptor", "names", "synonyms", "combined")
START, END = "<!-- figures -->", "<!-- /figures -->"


def draw(pipeline: StableDiffusionPipeline, prompts: Sequence[str]) -> list[Image.Image]:
    """One picture a prompt with a seed of its own, so that a subset gives the same pictures."""
    images: list[Image.Image] = []
    bar = tqdm(total=len(prompts), desc="drawing")
    for part in latents.batches(list(enumerate(prompts)), BATCH):
        generators = [torch.Generator().manual_seed(SEED + number) for number, _ in part]
        texts = [text for _, text in part]
        made = pipeline(texts, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generators)
        images.extend(made.images)
        bar.update(len(part))
    return images


class References:
    """The training pictures, described: rows are motifs, columns styles."""

    def __init__(self, count: int) -> None:
        self.vectors = np.stack(
            [[features.describe(self.picture(n, style)) for style in pictures.STYLES] for n in range(count)]
        )

    @staticmethod
    def picture(number: int, style: str, colour: str = "white") -> Image.Image:
        return latents.compose(latents.Entry((number,), style, colour, 1.0, (0.0, 0.0), False, ()))

    def distances(self, image: Image.Image) -> np.ndarray:
        """Motifs x styles: the nearer of the picture and its mirror image."""
        ways = features.describe_both_ways(image)
        return np.linalg.norm(self.vectors[:, :, None] - ways, axis=-1).min(axis=-1)

    def rank(self, image: Image.Image, number: int) -> int:
        """0 where the nearest training picture, of either style, shows the right motif."""
        nearest = self.distances(image).min(axis=1)
        return int((nearest < nearest[number]).sum())


def label_ranks(prompts: Sequence[str], ranks: Sequence[int]) -> list[str]:
    """Captions for a sheet: the rank before the prompt, so that misses stand out."""
    return [f"{rank} {prompt}" for prompt, rank in zip(prompts, ranks, strict=True)]


def share(ranks: Sequence[int], below: int) -> float:
    return round(100 * float(np.mean([rank < below for rank in ranks])), 1) if len(ranks) else float("nan")


def measure_descriptor(references: References, count: int) -> dict[str, float]:
    """The ceiling: training pictures themselves, moved, scaled, mirrored, recoloured behind."""
    rng = random.Random(11)
    ranks = []
    for number in range(count):
        style, colour = rng.choice(pictures.STYLES), rng.choice(captions.COLOUR_NAMES)
        ranks.append(references.rank(latents.compose(latents.plan_entry((number,), style, colour, rng, False)), number))
    return {"descriptor_top1": share(ranks, 1), "descriptor_top5": share(ranks, 5)}


def measure_names(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Retrieval for the motifs' names; also returns what went wrong, for the card."""
    known = motifs.load_motifs()
    prompts = [captions.with_article(known[number].names[0]) for number in chosen]
    images = draw(pipeline, prompts)
    ranks = [references.rank(image, number) for image, number in zip(images, chosen, strict=True)]
    sheets.tile(
        images,
        workspace.WORK / "evaluation-names.png",
        12,
        label_ranks(prompts, ranks),
    )
    missed = [prompt for prompt, rank in zip(prompts, ranks, strict=True) if rank]
    return {
        "names": len(ranks),
        "names_top1": share(ranks, 1),
        "names_top5": share(ranks, 5),
        "missed": missed,
    }


def measure_synonyms(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """The same for words that stood in no caption."""
    known = motifs.load_motifs()
    pairs = [(number, word) for number in chosen for word in known[number].held_out]
    prompts = [captions.with_article(word) for _, word in pairs]
    images = draw(pipeline, prompts)
    ranks = [references.rank(image, number) for image, (number, _) in zip(images, pairs, strict=True)]
    sheets.tile(
        images,
        workspace.WORK / "evaluation-synonyms.png",
        12,
        label_ranks(prompts, ranks),
    )
    return {"synonyms": len(ranks), "synonyms_top1": share(ranks, 1), "synonyms_top5": share(ranks, 5)}


def measure_obedience(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Style: the asked style's picture of the motif is nearer. Background: the corners have the colour."""
    rng = random.Random(5)
    known = motifs.load_motifs()
    asked = [(n, pictures.STYLES[k % 2], rng.choice(captions.COLOUR_NAMES)) for k, n in enumerate(chosen)]
    kinds = {"3d": "a 3d render of {}", "flat": "a flat icon of {}"}
    prompts = [
        kinds[style].format(captions.with_article(known[n].names[0])) + f" on a {colour} background"
        for n, style, colour in asked
    ]
    images = draw(pipeline, prompts)
    styles, colours, ranks = [], [], []
    for image, (number, style, colour) in zip(images, asked, strict=True):
        near = references.distances(image)[number]
        styles.append(pictures.STYLES[int(near.argmin())] == style)
        made = features.to_lab(features.background_colour(np.asarray(image)))
        wanted = features.to_lab(np.array(captions.COLOURS[colour]))
        colours.append(float(np.linalg.norm(made - wanted)) < COLOUR_TOLERANCE)
        ranks.append(references.rank(image, number))
    sheets.tile(images, workspace.WORK / "evaluation-obedience.png", 12, prompts)
    return {
        "obedience": len(asked),
        "style_obeyed": round(100 * float(np.mean(styles)), 1),
        "background_obeyed": round(100 * float(np.mean(colours)), 1),
        "combined_top1": share(ranks, 1),
        "combined_top5": share(ranks, 5),
    }


@torch.no_grad()
def measure_autoencoder(pipeline: StableDiffusionPipeline, chosen: Sequence[int]) -> dict[str, float]:
    """PSNR of whole training pictures on white and on a colour."""
    values = []
    for number in chosen:
        for style, colour in (("3d", "white"), ("flat", "white"), ("3d", "dark blue"), ("flat", "orange")):
            pixels = latents.to_tensor([References.picture(number, style, colour)])
            made = pipeline.vae.decode(pipeline.vae.encode(pixels).latents).sample.clamp(-1, 1)
            values.append(-10 * torch.log10(((made - pixels) / 2).square().mean()).item())
    return {"autoencoder_psnr": round(float(np.mean(values)), 2)}


def measure_speed(pipeline: StableDiffusionPipeline, repeats: int = 5) -> dict[str, float]:
    """The median of some pictures drawn one by one after a warm-up."""
    times = []
    for number in range(repeats + 1):
        start = time.perf_counter()
        pipeline(
            "a red apple",
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(number),
        )
        times.append(time.perf_counter() - start)
    return {"seconds": round(float(np.median(times[1:])), 2), "threads": torch.get_num_threads()}


def figure_rows(figures: dict) -> list[str]:
    """Table rows for the model card."""
    tops = {key: f"top-1 {figures[f'{key}_top1']} %, top-5 {figures[f'{key}_top5']} %" for key in KEYS}
    asked = figures["obedience"]
    return [
        f"| the descriptor on moved training pictures (the ceiling) | {tops['descriptor']} |",
        f"| (a) motif names, {figures['names']} prompts | {tops['names']} |",
        f"| (b) held-out synonyms and tags, {figures['synonyms']} prompts | {tops['synonyms']} |",
        f"| (c) style obeyed, {asked} prompts with style and background | {figures['style_obeyed']} % |",
        f"| (c) background obeyed, the same prompts | {figures['background_obeyed']} % |",
        f"| motif in the same prompts | {tops['combined']} |",
        f"| (d) autoencoder PSNR, whole training pictures | {figures['autoencoder_psnr']} dB |",
        f"| (e) seconds a picture, {STEPS} steps, {figures['threads']} threads | {figures['seconds']} |",
    ]


def write_card(card: Path, figures: dict) -> None:
    """Between the two markers of the model card; everything else there is written by hand."""
    table = "\n".join([START, "| measured | result |", "|---|---|", *figure_rows(figures), END])
    text = card.read_text()
    card.write_text(re.sub(f"{START}.*?{END}", lambda _: table, text, flags=re.S))


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=workspace.MODEL)
    parser.add_argument("--tier", type=int, default=1, help="the tier the model was trained on")
    parser.add_argument("--every", type=int, default=1, help="measure every n-th motif only")
    parser.add_argument("--no-card", action="store_true", help="leave the model card alone")
    arguments = parser.parse_args()
    pipeline = StableDiffusionPipeline.from_pretrained(arguments.model, dtype=torch.float32)
    pipeline.to(workspace.device())
    pipeline.set_progress_bar_config(disable=True)
    count = motifs.count_motifs(arguments.tier)
    references = References(count)
    chosen = range(0, count, arguments.every)
    figures = measure_speed(pipeline) | measure_descriptor(references, count)
    figures |= measure_autoencoder(pipeline, chosen)
    for measure in (measure_names, measure_synonyms, measure_obedience):
        figures |= measure(pipeline, references, chosen)
        logger.info("%s", figures)
    (arguments.model / "evaluation.json").write_text(json.dumps(figures, indent=2) + "\n")
    if not arguments.no_card:
        write_card(arguments.model / "README.md", figures)


if __name__ == "__main__":
    main()
