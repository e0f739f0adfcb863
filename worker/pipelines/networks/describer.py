"""Says what a picture shows in the words of the bundled model: the motifs, styles and colours that it was taught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from pydantic import Field, ValidationError

from core.catalog.model import Model
from core.errors import JobFailure
from core.record import StrictRecord
from worker.contract import DrawRequest
from worker.nets.describer import SIDE, Describer, Seen
from worker.pipelines.network import Network, Stepped
from worker.pipelines.networks.weights import weights_in

SECOND_MOTIF: Final = 0.35
"""From this probability on, a second motif is in the picture, too."""

KEY: Final = "vocabulary"
"""Of the words in the file's metadata."""

Words = tuple[str, ...]


class Vocabulary(StrictRecord):
    """What motifs may be called, the usual name first; how styles are put, as `a flat icon of {}`; colours' names."""

    motifs: tuple[Words, ...] = Field(min_length=2)
    styles: tuple[Words, ...] = Field(min_length=1)
    colours: Words = Field(min_length=1)


class Teller(Network):
    """Its module tells motifs, styles and colours apart."""

    def __init__(self, module: Describer, vocabulary: Vocabulary) -> None:
        super().__init__(module)
        self.vocabulary = vocabulary

    def __call__(self, request: DrawRequest, stepped: Stepped) -> str:
        """A prompt for the picture of `request`: the first output has the best words, later ones have others."""
        seen = self.seen(request.inputs["image"][0])
        stepped(1, 1, None)
        return self.told(seen, request.request.seeds.index(request.seed))

    def seen(self, picture: Image.Image) -> Seen:
        """What the module takes `picture` for, of any size."""
        made: Seen = self.module(self.pixels_of(picture.resize((SIDE, SIDE), Image.Resampling.BOX)))
        return made

    def told(self, seen: Seen, number: int) -> str:
        """The prompt `number` for what was `seen`: other names and ways to put it, and now and then a second guess."""
        shares, order = seen.motifs[0].float().softmax(0).sort(descending=True)
        best = [int(order[0]), *([int(order[1])] if float(shares[1]) >= SECOND_MOTIF else [])]
        if number % 4 == 3 and len(best) == 1:
            best = [int(order[1 + number // 4 % (len(order) - 1)])]
        names = (self._name(motif, number) for motif in best)
        style = self.vocabulary.styles[int(seen.styles[0].argmax())]
        subject = style[number % len(style)].format(" and ".join(with_article(name) for name in names))
        return f"{subject} on a {self.vocabulary.colours[int(seen.colours[0].argmax())]} background"

    def _name(self, motif: int, number: int) -> str:
        names = self.vocabulary.motifs[motif]
        return names[number % len(names)]


def with_article(name: str) -> str:
    """`an owl`; of what is several, or has no number, nothing is said."""
    if name.endswith("s") and not name.endswith("ss"):
        return name
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def opened(row: Model, path: Path, dtype: torch.dtype) -> Teller:
    """The describer of `row`."""
    return teller_in(path, dtype)


def teller_in(path: Path, dtype: torch.dtype) -> Teller:
    """The network in the file `path`, with its words. Raises JobFailure for a file of another kind."""
    state, metadata = weights_in(path)
    try:
        net, words = Describer.of(state), Vocabulary.model_validate(json.loads(metadata.get(KEY, "{}")), strict=False)
    except (RuntimeError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise JobFailure(f"{path.name} is no describer with its words", code="model_load_failed") from error
    heads = [len(head.bias) for head in (net.motifs, net.styles, net.colours)]
    if heads != [len(words.motifs), len(words.styles), len(words.colours)]:
        raise JobFailure(f"{path.name} has other words than its network tells apart", code="model_load_failed")
    return Teller(net.to(dtype).eval().requires_grad_(requires_grad=False), words)
