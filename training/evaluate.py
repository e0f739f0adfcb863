"""How to measure an exported model."""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline
from PIL import Image
from tqdm import tqdm

from training import (
    captions,
    card,
    features,
    latents,
    lists,
    motifs,
    parallel,
    pictures,
    sheets,
    word_ranking,
    workspace,
)
from training.exported import open_model, settings
from worker.allocator import keep_freed_memory

logger = logging.getLogger(__name__)

BATCH, SEED, PAIRS = 8, 1000, 60
LISTED_EVERY = 7  # listed words are many: one of every so many motifs is asked for
COLOUR_TOLERANCE = 25.0  # CIE76; a just noticeable difference is about 2, white to cream 13, blue to navy 50
# Other forms of these got into the captions that the shipped UNet was trained on, as words next to listed ones.
SEEN_FORMS = ("wave", "note", "serve", "blade", "cafe", "charge", "move", "movie", "spectacle")


def draw(pipeline: StableDiffusionPipeline, prompts: Sequence[str]) -> list[Image.Image]:
    """One picture a prompt with a seed of its own, so that a subset gives the same pictures."""
    images: list[Image.Image] = []
    mine = parallel.deal(list(enumerate(prompts)))
    bar = tqdm(total=len(mine), desc="drawing", disable=parallel.rank() > 0)
    for part in latents.batches(mine, BATCH):
        generators = [torch.Generator().manual_seed(SEED + number) for number, _ in part]
        texts = [text for _, text in part]
        made = pipeline(texts, generator=generators, **settings(pipeline))
        images.extend(made.images)
        bar.update(len(part))
    return parallel.collect(images)


def show(images: Sequence[Image.Image], path: Path, columns: int, labels: Sequence[str]) -> None:
    """A contact sheet; one process of several draws it."""
    if parallel.rank() == 0:
        sheets.tile(images, path, columns, labels)


class References:
    """The training pictures, described: rows are motifs, columns styles.

    Styles are compared with what the autoencoder makes of the training pictures: it softens, whoever draws.
    """

    def __init__(self, count: int, vae: AutoencoderTiny) -> None:
        self.vae = vae
        shown = [[self.picture(n, style) for style in pictures.STYLES] for n in range(count)]
        self.vectors = np.stack([[features.describe(image) for image in row] for row in shown])
        self.styles = np.stack([[features.describe_style(self.soften(image)) for image in row] for row in shown])

    @torch.no_grad()
    def soften(self, image: Image.Image) -> Image.Image:
        """Through the autoencoder and back."""
        made = self.vae.decode(self.vae.encode(latents.to_tensor([image]).to(self.vae.device)).latents).sample
        pixels = ((made[0].clamp(-1, 1) + 1) * 127.5).round().byte()
        return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())

    @staticmethod
    def picture(number: int, style: str, colour: str = "white") -> Image.Image:
        return latents.compose(latents.Entry((number,), style, colour, 1.0, (0.0, 0.0), False))

    def distances(self, image: Image.Image) -> np.ndarray:
        """Motifs x styles: the nearer of the picture and its mirror image."""
        ways = features.describe_both_ways(image)
        return np.linalg.norm(self.vectors[:, :, None] - ways, axis=-1).min(axis=-1)

    def rank(self, image: Image.Image, number: int) -> int:
        """0 where the nearest training picture, of either style, shows the right motif."""
        nearest = self.distances(image).min(axis=1)
        return int((nearest < nearest[number]).sum())

    def flatness(self, image: Image.Image, number: int) -> float:
        """How much nearer to the motif's flat drawing than to its rendering a picture is painted."""
        solid, flat = np.linalg.norm(self.styles[number] - features.describe_style(image), axis=-1)
        return float(solid - flat)


def label_ranks(prompts: Sequence[str], ranks: Sequence[int]) -> list[str]:
    """Captions for a sheet: the rank before the prompt, so that misses stand out."""
    return [f"{rank} {prompt}" for prompt, rank in zip(prompts, ranks, strict=True)]


def percent(right: Sequence[bool] | np.ndarray) -> float:
    return round(100 * float(np.mean(right)), 1) if len(right) else float("nan")


def share(ranks: Sequence[int], below: int) -> float:
    return percent([rank < below for rank in ranks])


def measure_descriptor(references: References, count: int) -> dict[str, float]:
    """The ceiling: training pictures themselves, moved, scaled, mirrored, recoloured behind."""
    rng = random.Random(11)
    ranks, styles = [], []
    for number in range(count):
        style, colour = rng.choice(pictures.STYLES), rng.choice(captions.COLOUR_NAMES)
        image = latents.compose(latents.plan_entry((number,), style, colour, rng, False))
        ranks.append(references.rank(image, number))
        styles.append((references.flatness(references.soften(image), number) > 0) == (style == "flat"))
    return {
        "descriptor_top1": share(ranks, 1),
        "descriptor_top5": share(ranks, 5),
        "descriptor_style": percent(styles),
    }


def measure_words(
    pipeline: StableDiffusionPipeline, references: References, asked: Sequence[tuple[int, str]], kind: str
) -> tuple[dict, list[int]]:
    """Retrieval of motifs by these words: figures of this kind, and the ranks."""
    prompts = [captions.with_article(word) for _, word in asked]
    images = draw(pipeline, prompts)
    ranks = [references.rank(image, number) for image, (number, _) in zip(images, asked, strict=True)]
    show(images, workspace.WORK / f"evaluation-{kind}.png", 12, label_ranks(prompts, ranks))
    return {kind: len(ranks), f"{kind}_top1": share(ranks, 1), f"{kind}_top5": share(ranks, 5)}, ranks


def measure_names(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Their names; also returns what went wrong, for the card."""
    known = motifs.load_motifs()
    asked = [(number, known[number].names[0]) for number in chosen]
    figures, ranks = measure_words(pipeline, references, asked, "names")
    missed = [captions.with_article(name) for (_, name), rank in zip(asked, ranks, strict=True) if rank]
    return figures | {"missed": missed}


def measure_synonyms(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Words that stood in no caption of any motif: other nouns for it, and what emojibase's editors tagged it with.

    Both apart and together. Left out are words of which another form is listed, or which stand in a listed phrase.
    """
    known = motifs.load_motifs()
    seen = {form for motif in known for word in (*motif.listed, *SEEN_FORMS) for form in lists.forms(word)}

    def unheard(number: int, held_out: Sequence[str]) -> list[tuple[int, str]]:
        parts = {part for word in known[number].listed for part in lists.stem(word).split()}
        return [(number, word) for word in held_out if not lists.forms(word) & seen and lists.stem(word) not in parts]

    synonyms = [pair for n in chosen for pair in unheard(n, known[n].held_out_synonyms)]
    tags = [pair for n in chosen for pair in unheard(n, known[n].held_out_tags)]
    figures, ranks = measure_words(pipeline, references, synonyms, "synonyms")
    more, tag_ranks = measure_words(pipeline, references, tags, "tags")
    both = [*ranks, *tag_ranks]
    names = known[: len(references.vectors)]
    heard = word_ranking.rank_words([*synonyms, *tags], names, pipeline.text_encoder, pipeline.tokenizer)
    figures |= more | {"unseen": len(both), "unseen_top1": share(both, 1), "unseen_top5": share(both, 5)}
    return figures | {"heard_top1": share(heard, 1), "heard_top5": share(heard, 5)}


def measure_listed(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Words that were trained: of some motifs the last that is listed, a rare one or a tag."""
    known = motifs.load_motifs()
    asked = [(number, known[number].listed[-1]) for number in chosen[::LISTED_EVERY]]
    return measure_words(pipeline, references, asked, "listed")[0]


def measure_obedience(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Style: each prompt is drawn twice with one seed, and of the two pictures the one that was asked to be flat is
    painted flatter; and, as a figure of its own, each picture alone is nearer to the style that was asked for.
    Background: the corners have the colour.
    """
    rng = random.Random(5)
    known = motifs.load_motifs()
    asked = [(n, rng.choice(captions.COLOUR_NAMES)) for n in chosen]
    drawn = []
    for style in pictures.STYLES:
        subjects = [captions.STYLE_FRONT[style][0].format(captions.with_article(known[n].names[0])) for n, _ in asked]
        grounds = [captions.BACKGROUND[0].format(colour) for _, colour in asked]
        prompts = [subject + ground for subject, ground in zip(subjects, grounds, strict=True)]
        drawn.append(draw(pipeline, prompts))
        show(drawn[-1], workspace.WORK / f"evaluation-{style}.png", 12, prompts)
    flatness = np.array([[references.flatness(i, n) for i, (n, _) in zip(row, asked, strict=True)] for row in drawn])
    colours, ranks = [], []
    for image, (number, colour) in zip(drawn[0] + drawn[1], asked * 2, strict=True):
        made = features.to_lab(features.background_colour(np.asarray(image)))
        wanted = features.to_lab(np.array(captions.COLOURS[colour]))
        colours.append(float(np.linalg.norm(made - wanted)) < COLOUR_TOLERANCE)
        ranks.append(references.rank(image, number))
    return {
        "obedience": len(ranks),
        "style_obeyed": percent(flatness[1] > flatness[0]),
        "style_alone": percent(np.concatenate([flatness[0] < 0, flatness[1] > 0])),
        "background_obeyed": percent(colours),
        "combined_top1": share(ranks, 1),
        "combined_top5": share(ranks, 5),
    }


def measure_pairs(pipeline: StableDiffusionPipeline, references: References, chosen: Sequence[int]) -> dict:
    """Two motifs: the left half of the picture shows the one that was named first, the right half the other."""
    rng = random.Random(3)
    known = motifs.load_motifs()
    asked = [rng.sample(list(chosen), 2) for _ in range(PAIRS)]
    prompts = [" and ".join(captions.with_article(known[number].names[0]) for number in two) for two in asked]
    images = draw(pipeline, prompts)
    ranks = []
    for image, two in zip(images, asked, strict=True):
        middle = image.width // 2
        halves = image.crop((0, 0, middle, image.height)), image.crop((middle, 0, image.width, image.height))
        ranks += [references.rank(half, number) for half, number in zip(halves, two, strict=True)]
    labels = [f"{left} {right} {text}" for left, right, text in zip(ranks[::2], ranks[1::2], prompts, strict=True)]
    show(images, workspace.WORK / "evaluation-pairs.png", 12, labels)
    return {"pairs": len(asked), "pairs_top1": share(ranks, 1), "pairs_top5": share(ranks, 5)}


@torch.no_grad()
def measure_autoencoder(pipeline: StableDiffusionPipeline, chosen: Sequence[int]) -> dict[str, float]:
    """PSNR of whole training pictures on white and on a colour."""
    values = []
    for number in chosen:
        for style, colour in (("3d", "white"), ("flat", "white"), ("3d", "dark blue"), ("flat", "orange")):
            pixels = latents.to_tensor([References.picture(number, style, colour)]).to(pipeline.vae.device)
            made = pipeline.vae.decode(pipeline.vae.encode(pixels).latents).sample.clamp(-1, 1)
            values.append(-10 * torch.log10(((made - pixels) / 2).square().mean()).item())
    return {"autoencoder_psnr": round(float(np.mean(values)), 2)}


def measure_speed(pipeline: StableDiffusionPipeline, repeats: int = 5) -> dict[str, float]:
    """The median of some pictures drawn one by one after a warm-up; one process takes the threads of all."""
    times = []
    torch.set_num_threads(torch.get_num_threads() * parallel.count())
    for number in range(repeats + 1):
        start = time.perf_counter()
        pipeline("a red apple", generator=torch.Generator().manual_seed(number), **settings(pipeline))
        times.append(time.perf_counter() - start)
    steps = settings(pipeline)["num_inference_steps"]
    return {"seconds": round(float(np.median(times[1:])), 2), "steps": steps, "threads": torch.get_num_threads()}


def main() -> None:
    keep_freed_memory()
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=workspace.MODEL)
    parser.add_argument("--lora", type=Path, help="the folder of a LoRA for few steps; the figures are written there")
    parser.add_argument("--tier", type=int, default=lists.SHIPPED_TIER, help="the tier the model was trained on")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th motif only, and write nothing down")
    parser.add_argument("--among", type=int, help="tell the motifs from all up to this tier, if it is not --tier")
    arguments = parser.parse_args()
    parallel.join()
    pipeline = open_model(arguments.model, arguments.lora)
    target = arguments.lora or arguments.model
    count = lists.count_motifs(arguments.among or arguments.tier)
    references = References(count, pipeline.vae)
    chosen = range(0, lists.count_motifs(arguments.tier), arguments.every)
    figures = measure_descriptor(references, count)
    figures |= measure_autoencoder(pipeline, chosen)
    for measure in (measure_names, measure_synonyms, measure_listed, measure_obedience, measure_pairs):
        figures |= measure(pipeline, references, chosen)
        logger.info("%s", figures)
    if arguments.every > 1 or arguments.among:
        return  # a look on the way: what stands in the model's folder is always the whole measurement
    show(draw(pipeline, sheets.PROMPTS), target / "sample.jpg", 8, sheets.PROMPTS)
    parallel.wait()
    if parallel.rank() > 0:
        return
    figures |= measure_speed(pipeline)
    (target / "evaluation.json").write_text(json.dumps(figures, indent=2) + "\n")
    if (target / "README.md").exists():
        card.write_figures(target / "README.md", figures)


if __name__ == "__main__":
    main()
