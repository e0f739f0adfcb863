"""How MiniLM is taught, on words alone, which motif a word means.

As it comes, MiniLM puts "vixen" between the fox, the wolf and the witch, and a UNet that is told so draws something
between them. Its last layers learn to say of every listed word, in a caption of one motif, what MiniLM as it came says
of the motif's name in the same caption: so the UNet meets few and clear states, and words that nobody listed come out
as the nearest of them. Only the words that captions may use are taught, none that is held out. Distillation: Hinton et
al. 2015 (arXiv:1503.02531); the distances to all names as logits: Snell et al. 2017 (arXiv:1703.05175); weights between
those before and after: Wortsman et al. 2022 (arXiv:2109.01903).
"""

from __future__ import annotations

import argparse
import copy
import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers import BatchEncoding, BertModel, BertTokenizerFast

from training import captions, motifs, neighbours, parallel, words, workspace
from training.motifs import Motif

logger = logging.getLogger(__name__)

# The layers below these keep what MiniLM knows of words that nobody listed.
TAUGHT_LAYERS = 3
NAME_SHARE, WHITE_SHARE, ARTICLE_SHARE = 0.3, 0.4, 0.75
# Of three steps so many show words alone, which are short, and so many of them as take the time of the captions.
BARE_STEPS, BARE_WORDS = 2, 3
# What is given back of the way from MiniLM as it came: words that nobody listed lie better then, listed ones worse.
GIVEN_BACK = 0.15
# The longest listed word has 12 tokens.
BARE_TOKENS = 15
# How much choosing among all names counts beside the states themselves, and the distance that makes a name e times
# less likely.
CHOICE_WEIGHT, TEMPERATURE = 0.3, 0.3


@dataclass(frozen=True)
class Pairs:
    """The same captions twice: with some word for each motif, and with its name. A template has a gap, "{}", for both.

    `numbers` are those of the motifs.
    """

    templates: tuple[str, ...]
    words: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[int, ...]


def draw_pairs(known: Sequence[Motif], size: int, rng: random.Random, bare: bool = False) -> Pairs:
    """Motifs are equally likely, however many words one has; so are its words, but for the first name.

    `bare` words have no style and no background around them.
    """
    rows = []
    for _ in range(size):
        number = rng.randrange(len(known))
        motif = known[number]
        word = motif.names[0] if rng.random() < NAME_SHARE else rng.choice((*motif.listed, *motif.neighbours))
        word = captions.with_article(word) if rng.random() < ARTICLE_SHARE else word
        style = rng.choice(tuple(captions.STYLE_FRONT))
        colour = "white" if rng.random() < WHITE_SHARE else rng.choice(captions.COLOUR_NAMES)
        template = "{}" if bare else captions.say_background(captions.say_style("{}", style, rng), colour, rng)
        rows.append((template, word, captions.with_article(motif.names[0]), number))
    return Pairs(*zip(*rows, strict=True))


@dataclass(frozen=True)
class Filled:
    """Templates with these words in their gaps, as tokens. `spans` tells which tokens are the words' (captions x
    tokens), `lengths` how many are no padding.
    """

    batch: BatchEncoding
    spans: torch.Tensor
    lengths: tuple[int, ...]


def fill(
    templates: Sequence[str], subjects: Sequence[str], tokenizer: BertTokenizerFast, length: int = words.MAX_TOKENS
) -> Filled:
    """Padded to `length` tokens.

    Raises ValueError for a caption that is cut off: its end could not be aligned with anything.
    """
    texts = [template.format(subject) for template, subject in zip(templates, subjects, strict=True)]
    batch = words.tokenize(texts, tokenizer, length)
    starts = torch.tensor([template.index("{}") for template in templates])[:, None]
    ends = starts + torch.tensor([len(subject) for subject in subjects])[:, None]
    first, last = batch.offset_mapping.unbind(-1)
    spans = (last > starts) & (first < ends) & (last > first)
    lengths = tuple(batch.attention_mask.sum(dim=1).tolist())
    if max(lengths) >= length:
        raise ValueError(f"more than {length - 1} tokens: {texts[lengths.index(max(lengths))]!r}")
    return Filled(batch, spans, lengths)


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
    after = length - 1 - int(span[-1])
    wanted[span] = named[named_span] if len(span) == len(named_span) else named[named_span].mean(dim=0)
    wanted[length - after : length] = named[named_length - after : named_length]
    wanted[length:named_length] = named[named_length:].mean(dim=0)
    return wanted


@torch.no_grad()
def name_states(known: Sequence[Motif], model: BertModel, tokenizer: BertTokenizerFast) -> torch.Tensor:
    """Motifs x width: the mean state of each name by itself."""
    names = fill(["{}"] * len(known), [captions.with_article(motif.names[0]) for motif in known], tokenizer)
    return average(words.states_of(names.batch, model), names.spans.to(model.device))


class Below:
    """What the layers that stay make of words alone, computed once a word and without dropout: half the work of a step.

    States that padding has are kept too, up to `length` tokens; 17,000 words with and without article take 0.8 GB.
    """

    def __init__(self, model: BertModel, length: int) -> None:
        self.model = model
        self.length = length
        self.known: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def states(self, subjects: Sequence[str], batch: BatchEncoding) -> torch.Tensor:
        """Subjects x tokens x width, of subjects tokenized to `length`."""
        rows = {subject: row for row, subject in enumerate(subjects) if subject not in self.known}
        if rows:
            places = list(rows.values())
            lower = self.model.encoder.layer[:-TAUGHT_LAYERS]
            ids, mask = (part[places].to(self.model.device) for part in (batch.input_ids, batch.attention_mask))
            made = through(lower, self.model.embeddings(input_ids=ids), mask)
            self.known |= dict(zip(rows, made, strict=True))
        return torch.stack([self.known[subject] for subject in subjects])


def through(layers: Iterable[nn.Module], states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """States after these layers, padding masked as BERT does it."""
    bias = (1.0 - mask[:, None, None, :].to(states.dtype)) * torch.finfo(states.dtype).min
    for layer in layers:
        states = layer(states, bias)
    return states


@dataclass(frozen=True)
class Lesson:
    """What one step compares: MiniLM as it came, each name's state by it, and what lies below the taught layers."""

    teacher: BertModel
    tokenizer: BertTokenizerFast
    names: torch.Tensor
    below: Below

    def loss(self, student: BertModel, drawn: Pairs) -> torch.Tensor:
        """Squared error of all token states, and the cross-entropy of choosing the motif by its name's distance."""
        bare = all(template == "{}" for template in drawn.templates)
        length = self.below.length if bare else words.MAX_TOKENS
        said, named = (
            fill(drawn.templates, subjects, self.tokenizer, length) for subjects in (drawn.words, drawn.names)
        )
        used = max(*said.lengths, *named.lengths) + 2 if bare else length
        with torch.no_grad():
            taught = self.states(self.teacher, named.batch, used, drawn.names if bare else None)
        states = self.states(student, said.batch, used, drawn.words if bare else None)
        spans, named_spans = said.spans[:, :used], named.spans[:, :used]
        lengths = zip(said.lengths, named.lengths, strict=True)
        rows = zip(taught, lengths, zip(spans, named_spans, strict=True), strict=True)
        wanted = torch.stack([align(*row) for row in rows])
        apart = torch.cdist(average(states, spans.to(states.device)), self.names).square() / states.shape[-1]
        choice = nn.functional.cross_entropy(-apart / TEMPERATURE, torch.tensor(drawn.numbers, device=states.device))
        return nn.functional.mse_loss(states, wanted) + CHOICE_WEIGHT * choice

    def states(self, model: BertModel, batch: BatchEncoding, used: int, subjects: Sequence[str] | None) -> torch.Tensor:
        """Of the first `used` tokens; of `subjects` alone only the taught layers are computed."""
        if subjects is None:
            return words.states_of(batch, model)
        mask = batch.attention_mask[:, :used].to(model.device)
        return through(model.encoder.layer[-TAUGHT_LAYERS:], self.below.states(subjects, batch)[:, :used], mask)


def teach(
    known: Sequence[Motif],
    teacher: BertModel,
    student: BertModel,
    tokenizer: BertTokenizerFast,
    steps: int,
    batch: int,
    rate: float,
) -> None:
    """Teach the student's last layers. The last norm stays: it is what spreads the states."""
    student.requires_grad_(False)
    layers = student.encoder.layer[-TAUGHT_LAYERS:].requires_grad_(True)
    words.last_norm(student).requires_grad_(False)
    trained = [weight for weight in layers.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.1, anneal_strategy="linear")
    lesson = Lesson(teacher, tokenizer, name_states(known, teacher, tokenizer), Below(teacher, BARE_TOKENS))
    rng = random.Random(12 + parallel.rank())
    losses: list[float] = []
    student.train()
    for step in (bar := tqdm(range(steps), desc="meaning", mininterval=5, disable=parallel.rank() > 0)):
        bare = step % 3 < BARE_STEPS
        loss = lesson.loss(student, draw_pairs(known, batch * BARE_WORDS if bare else batch, rng, bare))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parallel.average_gradients(student)
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}")
    student.eval()


@torch.no_grad()
def give_back(teacher: BertModel, student: BertModel, share: float = GIVEN_BACK) -> None:
    """Move the student's weights this share of the way back to the teacher's."""
    for before, after in zip(teacher.parameters(), student.parameters(), strict=True):
        after.lerp_(before, share)


def main() -> None:
    workspace.start_logging()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--go-on", action="store_true", help="from the taught encoder that is there")
    arguments = parser.parse_args()
    parallel.join()
    if parallel.rank() == 0:
        shown = draw_pairs(motifs.load_motifs(), 1500, random.Random(8))
        words.spread_saved([template.format(word) for template, word in zip(shown.templates, shown.words, strict=True)])
    parallel.wait()
    teacher, tokenizer = words.load_encoder(workspace.device())
    known = neighbours.add_neighbours(motifs.load_motifs(), teacher, tokenizer)
    student = copy.deepcopy(teacher)
    if arguments.go_on:
        taught, _ = words.load_taught(workspace.device())
        student.encoder.layer[-TAUGHT_LAYERS:].load_state_dict(taught.encoder.layer[-TAUGHT_LAYERS:].state_dict())
    torch.manual_seed(12 + parallel.rank())
    teach(known, teacher, student, tokenizer, arguments.steps, arguments.batch, arguments.rate)
    give_back(teacher, student)
    if parallel.rank() == 0:
        student.save_pretrained(workspace.TAUGHT_ENCODER)


if __name__ == "__main__":
    main()
