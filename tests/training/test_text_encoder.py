"""Words come to mean their motif's name, and the rest of the encoder stays as it was."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import torch
from transformers import BertModel, BertTokenizerFast

from tests import tiny_models
from training import captions, restore, text_encoder, words, workspace
from training.motifs import Motif

MODEL = Path(__file__).parents[2] / "models" / "easel-mini"
KNOWN = (
    Motif("rocket", ("rocket",), ("spaceship", "booster"), ("launch",), ("shuttle",), ("moonshot",), row=0),
    Motif("violin", ("violin",), ("fiddle", "strings player's instrument"), (), ("viola",), (), row=1),
    Motif("money bag", ("money bag",), ("loot", "sack of cash"), (), ("riches",), (), row=2),
    Motif("mouse", ("mouse",), ("rat",), (), (), (), row=3),  # which stands in "illustration", too
)


@pytest.fixture(scope="module")
def tokenizer() -> BertTokenizerFast:
    return BertTokenizerFast.from_pretrained(MODEL / "tokenizer")


def test_captions_say_every_listed_word_and_never_what_is_held_out() -> None:
    drawn = text_encoder.draw_pairs(KNOWN, 400, random.Random(3))

    said = {word.removeprefix("a ") for word in drawn.words}
    assert said == {word for motif in KNOWN for word in motif.listed}
    assert {KNOWN[number].names[0] for number in drawn.numbers} == {name.removeprefix("a ") for name in drawn.names}


@pytest.mark.parametrize(
    ("template", "subject"),
    [
        ("a 3d render of {} on red", "a money bag"),
        ("flat {}", "fiddle"),
        ("a flat illustration of {}", "rat"),
        ("{}, flat", "strings player's instrument"),
    ],
)
def test_spans_are_the_tokens_of_the_subject(tokenizer: BertTokenizerFast, template: str, subject: str) -> None:
    filled = text_encoder.fill([template], [subject], tokenizer)

    said = tokenizer.decode(filled.batch.input_ids[0][filled.spans[0]]).replace(" ' ", "'")
    assert said == subject


def test_captions_that_would_be_cut_off_are_refused(tokenizer: BertTokenizerFast) -> None:
    with pytest.raises(ValueError, match="more than 23 tokens: 'flat a very"):
        text_encoder.fill(["flat {}", "flat {}"], ["fiddle", "a " + 30 * "very " + "long word"], tokenizer)


@pytest.mark.parametrize(
    ("length", "subject", "wanted"),
    [
        # Ten states, numbered; the caption with the name is 6 tokens long and its subject is the third and fourth.
        (6, [2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (5, [2], [0, 1, 2.5, 4, 5, 7.5, 6, 7, 8, 9]),
        (8, [2, 3, 4, 5], [0, 1, 2.5, 2.5, 2.5, 2.5, 4, 5, 8, 9]),
    ],
)
def test_states_are_taken_over_token_by_token_around_the_subject(
    length: int, subject: list[int], wanted: list[float]
) -> None:
    # Given the states of the caption with the name, and a caption whose subject has as many, fewer or more tokens
    named = torch.arange(10.0)[:, None]
    span, named_span = torch.zeros(10, dtype=torch.bool), torch.zeros(10, dtype=torch.bool)
    span[subject], named_span[[2, 3]] = True, True
    # When the wanted states are laid out
    states = text_encoder.align(named, (length, 6), (span, named_span))
    # Then what stands around the subject moved with it, and padding is padding
    assert states[:, 0].tolist() == wanted


def test_listed_words_come_to_mean_the_name(tokenizer: BertTokenizerFast) -> None:
    # Given words that mean anything but the motifs under which they are listed
    known = (
        Motif("rocket", ("rocket",), ("teapot", "cheese"), (), (), (), row=0),
        Motif("violin", ("violin",), ("hamster", "umbrella"), (), (), (), row=1),
        Motif("money bag", ("money bag",), ("cloud", "tractor"), (), (), (), row=2),
    )
    model = BertModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    torch.manual_seed(1)

    # When the last layers are taught for a few steps
    taught = copy.deepcopy(model)
    text_encoder.teach(known, model, taught, tokenizer, steps=40, batch=12, rate=5e-4)

    # Then each word is nearest to the name, also in a caption
    listed = [(number, word) for number, motif in enumerate(known) for word in motif.synonyms]
    names = text_encoder.name_states(known, model, tokenizer)
    said = text_encoder.fill(["a flat icon of {}"] * len(listed), [f"a {word}" for _, word in listed], tokenizer)
    with torch.no_grad():
        states = text_encoder.average(words.states_of(said.batch, taught), said.spans)
    assert torch.cdist(states, names).argmin(dim=1).tolist() == [number for number, _ in listed]
    # And the teacher, the first layers and the norm that spreads the states are what they were
    changed = {name for name, weight in taught.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed
    assert all(name.startswith(("encoder.layer.3.", "encoder.layer.4.", "encoder.layer.5.")) for name in changed)
    assert torch.equal(words.last_norm(taught).weight, before["encoder.layer.5.output.LayerNorm.weight"])
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_a_share_of_the_way_is_given_back() -> None:
    teacher = tiny_models.mini().text_encoder
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        for weight in student.parameters():
            weight += 1.0

    text_encoder.give_back(teacher, student, share=0.25)

    for before, after in zip(teacher.parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(after, before + 0.75)


def test_words_alone_cost_only_the_taught_layers_and_come_out_the_same(tokenizer: BertTokenizerFast) -> None:
    # Given words of different lengths
    model = BertModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
    lesson = text_encoder.Lesson(model, tokenizer, torch.zeros(1, 384), text_encoder.Below(model, length=12))
    subjects = ["a rocket", "a strings player's instrument", "a rocket"]
    batch = text_encoder.fill(["{}"] * 3, subjects, tokenizer, length=12).batch
    # When their first tokens' states are asked for, twice
    with torch.no_grad():
        whole = words.states_of(batch, model)[:, :9]
        first, again = (lesson.states(model, batch, 9, subjects) for _ in range(2))
    # Then they are those of the whole model, and the lower layers ran once a word
    torch.testing.assert_close(first, whole, atol=1e-4, rtol=1e-4)
    assert torch.equal(again, first)
    assert set(lesson.below.known) == set(subjects)


def test_an_exported_model_gives_its_layers_back(
    tokenizer: BertTokenizerFast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given MiniLM as it came, which may have got more words since, and an encoder that was taught and exported
    for name in ("TEXT_ENCODER", "TAUGHT_ENCODER", "TOKENIZER"):
        monkeypatch.setattr(workspace, name, tmp_path / name)
    as_it_came, exported = (tiny_models.mini().text_encoder for _ in range(2))
    as_it_came.save_pretrained(workspace.TEXT_ENCODER)
    tokenizer.save_pretrained(workspace.TOKENIZER)
    exported.save_pretrained(tmp_path / "exported")
    with pytest.raises(SystemExit, match=r"run training\.text_encoder or training\.restore first"):
        words.load_taught(torch.device("cpu"))
    # When it is restored
    restore.take_over(tmp_path / "exported")
    # Then its layers are there, with MiniLM's own words
    restored, _ = words.load_taught(torch.device("cpu"))
    assert torch.equal(restored.embeddings.word_embeddings.weight, as_it_came.embeddings.word_embeddings.weight)
    for name, weight in exported.encoder.state_dict().items():
        assert torch.equal(restored.encoder.state_dict()[name], weight)


def test_every_template_has_one_gap() -> None:
    rng = random.Random(1)
    for style in captions.STYLE_FRONT:
        for _ in range(100):
            assert captions.say_background(captions.say_style("{}", style, rng), "red", rng).count("{}") == 1
