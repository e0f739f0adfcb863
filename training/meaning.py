"""Knows how MiniLM is taught, on words alone, which motif a word means; knows no picture and no UNet.

As it comes, MiniLM puts "vixen" between the fox, the wolf and the witch, and a UNet that is told so draws something
between them. Its last layers learn to say of every listed word, in any caption, what MiniLM as it came says of the
motif's name in the same caption: so the UNet meets few and clear states, and words that nobody listed come out as the
nearest of them. Only the words that captions may use are taught, none that is held out. Distillation: Hinton et al.
2015 (arXiv:1503.02531); the distances to all names as logits: Snell et al. 2017 (arXiv:1703.05175).
"""

from __future__ import annotations

import argparse
import copy
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers import BatchEncoding, BertModel, BertTokenizerFast

from training import captions, motifs, neighbours, words, workspace
from training.motifs import Motif

logger = logging.getLogger(__name__)

# The layers below these keep what MiniLM knows of words that nobody listed.
TAUGHT_LAYERS = 3
NAME_SHARE, WHITE_SHARE, ARTICLE_SHARE = 0.3, 0.4, 0.75
# How much choosing among all names counts beside the states themselves, and the distance that makes a name e times
# less likely.
CHOICE_WEIGHT, TEMPERATURE = 0.3, 0.3


@dataclass(frozen=True)
class Captions:
    """The same captions twice: `said` with some word for each motif, `named` with its name. `motifs` are numbers."""

    said: tuple[str, ...]
    said_words: tuple[str, ...]
    named: tuple[str, ...]
    names: tuple[str, ...]
    motifs: tuple[int, ...]


def draw_captions(known: Sequence[Motif], size: int, rng: random.Random) -> Captions:
    """Motifs and their words are equally likely, however many words one has."""
    rows = []
    for _ in range(size):
        number = rng.randrange(len(known))
        motif = known[number]
        name = captions.with_article(motif.names[0])
        word = motif.names[0] if rng.random() < NAME_SHARE else rng.choice((*motif.listed, *motif.neighbours))
        word = captions.with_article(word) if rng.random() < ARTICLE_SHARE else word
        style = rng.choice(tuple(captions.STYLE_FRONT))
        colour = "white" if rng.random() < WHITE_SHARE else rng.choice(captions.COLOUR_NAMES)
        seed = rng.random()
        rows.append((phrase(word, style, colour, seed), word, phrase(name, style, colour, seed), name, number))
    return Captions(*zip(*rows, strict=True))


def phrase(subject: str, style: str, colour: str, seed: float) -> str:
    """The same seed puts the same words around any subject."""
    rng = random.Random(seed)
    return captions.say_background(captions.say_style(subject, style, rng), colour, rng)


def tokenize(texts: Sequence[str], tokenizer: BertTokenizerFast) -> BatchEncoding:
    return tokenizer(
        list(texts),
        padding="max_length",
        max_length=words.MAX_TOKENS,
        truncation=True,
        return_tensors="pt",
        return_offsets_mapping=True,
    )


def find_spans(batch: BatchEncoding, texts: Sequence[str], subjects: Sequence[str]) -> torch.Tensor:
    """Captions x tokens: which tokens are those of the subject."""
    starts = torch.tensor([text.index(subject) for text, subject in zip(texts, subjects, strict=True)])[:, None]
    ends = starts + torch.tensor([len(subject) for subject in subjects])[:, None]
    first, last = batch.offset_mapping.unbind(-1)
    return (last > starts) & (first < ends) & (last > first)


def average(states: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
    """The mean state of each row's span."""
    return (states * spans[..., None]).sum(dim=1) / spans.sum(dim=1, keepdim=True)


def align(named: torch.Tensor, lengths: tuple[int, int], spans: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The states (tokens x width) that a caption should have, from those of the caption with the name.

    `lengths` and `spans` are those of the caption and of the one with the name, in this order. What stands around the
    subject is taken over token by token, and so is the subject where it has as many tokens; else its tokens all get
    the mean. Padding has states as well, and the UNet sees them.
    """
    (length, named_length), (span, named_span) = lengths, [where.nonzero()[:, 0] for where in spans]
    wanted = named.clone()
    before, after = int(span[0]), length - 1 - int(span[-1])
    wanted[:before] = named[:before]
    wanted[span] = named[named_span] if len(span) == len(named_span) else named[named_span].mean(dim=0)
    wanted[length - after : length] = named[named_length - after : named_length]
    wanted[length:named_length] = named[named_length:].mean(dim=0)
    return wanted


@torch.no_grad()
def name_states(known: Sequence[Motif], model: BertModel, tokenizer: BertTokenizerFast) -> torch.Tensor:
    """Motifs x width: the mean state of each name by itself."""
    names = [captions.with_article(motif.names[0]) for motif in known]
    batch = tokenize(names, tokenizer).to(model.device)
    states = model(batch.input_ids, attention_mask=batch.attention_mask)[0]
    return average(states, find_spans(batch, names, names).to(model.device))


@dataclass(frozen=True)
class Lesson:
    """What one step compares: MiniLM as it came, and each name's state by it."""

    teacher: BertModel
    tokenizer: BertTokenizerFast
    names: torch.Tensor

    def loss(self, student: BertModel, drawn: Captions) -> torch.Tensor:
        """Squared error of all token states, and the cross-entropy of choosing the motif by its name's distance."""
        device = student.device
        said, named = (tokenize(texts, self.tokenizer) for texts in (drawn.said, drawn.named))
        spans = find_spans(said, drawn.said, drawn.said_words), find_spans(named, drawn.named, drawn.names)
        with torch.no_grad():
            taught = self.teacher(named.input_ids.to(device), attention_mask=named.attention_mask.to(device))[0]
        lengths = zip(said.attention_mask.sum(dim=1).tolist(), named.attention_mask.sum(dim=1).tolist(), strict=True)
        wanted = [
            align(row, both, where) for row, both, where in zip(taught, lengths, zip(*spans, strict=True), strict=True)
        ]
        states = student(said.input_ids.to(device), attention_mask=said.attention_mask.to(device))[0]
        apart = torch.cdist(average(states, spans[0].to(device)), self.names).square() / states.shape[-1]
        chosen = torch.tensor(drawn.motifs, device=device)
        choice = nn.functional.cross_entropy(-apart / TEMPERATURE, chosen)
        return nn.functional.mse_loss(states, torch.stack(wanted)) + CHOICE_WEIGHT * choice


def teach(
    known: Sequence[Motif], teacher: BertModel, tokenizer: BertTokenizerFast, steps: int, batch: int, rate: float
) -> BertModel:
    """A copy of the teacher whose last layers were taught. Its last norm stays: it is what spreads the states."""
    student = copy.deepcopy(teacher).requires_grad_(False)
    layers = student.encoder.layer[-TAUGHT_LAYERS:].requires_grad_(True)
    words.last_norm(student).requires_grad_(False)
    trained = [weight for weight in layers.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.1, anneal_strategy="linear")
    lesson, rng = Lesson(teacher, tokenizer, name_states(known, teacher, tokenizer)), random.Random(12)
    losses: list[float] = []
    student.train()
    for _ in (bar := tqdm(range(steps), desc="meaning", mininterval=5)):
        loss = lesson.loss(student, draw_captions(known, batch, rng))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}")
    return student.eval().requires_grad_(False)


def take_over(exported: Path) -> None:
    """The taught encoder of an exported model, with the present vocabulary: only its layers differ from MiniLM's."""
    model, _ = words.load_encoder(torch.device("cpu"))
    model.encoder.load_state_dict(BertModel.from_pretrained(exported, dtype=torch.float32).encoder.state_dict())
    model.save_pretrained(workspace.TAUGHT_ENCODER)


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-4)
    arguments = parser.parse_args()
    words.spread_saved(draw_captions(motifs.load_motifs(), 1500, random.Random(8)).said)
    teacher, tokenizer = words.load_encoder(workspace.device())
    known = neighbours.add_neighbours(motifs.load_motifs(), teacher, tokenizer)
    torch.manual_seed(12)
    taught = teach(known, teacher, tokenizer, arguments.steps, arguments.batch, arguments.rate)
    taught.save_pretrained(workspace.TAUGHT_ENCODER)


if __name__ == "__main__":
    main()
