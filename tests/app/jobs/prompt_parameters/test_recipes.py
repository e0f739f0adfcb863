"""What each parameter comes to on a model, and what is said where it comes to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app.jobs.prompt_parameters.recipes import guided_by
from app.jobs.prompt_parameters.references import style_strength
from core.catalog.model import Model, SizeGrid
from core.jobs import MAX_SEED, Priority
from tests.app.jobs.prompt_parameters.models import BARE, MINI, TURBO, asked, refusal, told


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ("1:1", (256, 256)),
        ("16:9", (352, 192)),
        ("9:16", (192, 352)),
        ("4:3", (288, 224)),
        ("3:1", (384, 128)),
    ],
)
def test_a_ratio_is_the_nearest_size_of_as_many_pixels(ratio: str, size: tuple[int, int]) -> None:
    parameters, notes = told(f"a fox --ar {ratio}")
    assert (parameters["width"], parameters["height"]) == size
    assert notes == ()


def test_a_ratio_out_of_reach_is_told() -> None:
    parameters, notes = told("a fox --ar 10:1")
    assert (parameters["width"], parameters["height"]) == (384, 128)
    assert notes == ("'--ar 10:1' became 384x128, the nearest shape that model 'mini' draws",)


def test_a_ratio_is_a_bucket_where_there_are_some() -> None:
    grid = SizeGrid(minimum=64, maximum=512, multiple=64, width=256, height=256, buckets=((256, 256), (320, 192)))
    parameters, _ = told("a fox --ar 16:9", MINI.evolve(size=grid))
    assert (parameters["width"], parameters["height"]) == (320, 192)


@pytest.mark.parametrize(("stylize", "guidance"), [(0, 3.4), (50, 4.2), (100, 5.0), (200, 5.6), (1000, 7.0)])
def test_stylize_scales_what_guides(stylize: int, guidance: float) -> None:
    parameters, _ = told(f"a fox --s {stylize}")
    assert parameters["guidance_scale"] == guidance
    assert guided_by(stylize, 1.0) == 1.0


def test_raw_is_half_of_it() -> None:
    assert told("a fox --raw")[0]["guidance_scale"] == guided_by(50, 5.0)
    assert told("a fox --raw --s 400")[0]["guidance_scale"] == guided_by(200, 5.0)


@pytest.mark.parametrize(("spelled", "steps"), [("--q .25", 5), ("--q 1", 20), ("--q 2", 40), ("--draft", 10)])
def test_effort_is_steps(spelled: str, steps: int) -> None:
    parameters, notes = told(f"a fox {spelled}")
    assert (parameters["num_inference_steps"], notes) == (steps, ())


@pytest.mark.parametrize(
    ("prompt", "model", "note"),
    [
        ("a fox --q 4", MINI, "'--q 4' became 60 steps, the most of model 'mini'"),
        ("a fox --draft", TURBO, "'--draft' changes nothing: model 'turbo' draws in 4 steps anyway"),
        ("a fox --s 250", TURBO, "'--s 250' changes nothing: model 'turbo' draws without guidance"),
        ("a fox --raw --s 250", TURBO, "'--raw --s 250' changes nothing: model 'turbo' draws without guidance"),
        ("a fox --no hat", TURBO, "'--no hat' keeps nothing out: model 'turbo' draws without guidance"),
        ("a fox::1 hat::-.5", TURBO, "'::' keeps nothing out: model 'turbo' draws without guidance"),
        (
            "a fox --v 6.1",
            MINI,
            "'--v 6.1' names a model of Midjourney's and changes nothing: the request's model draws",
        ),
        (
            "a fox --niji 6",
            MINI,
            "'--niji 6' names a model of Midjourney's and changes nothing: the request's model draws",
        ),
        ("a fox:: a cat", BARE, "'::' parts nothing here: model 'bare' reads the parts as one text"),
    ],
)
def test_what_changes_nothing_is_noted_by_name(prompt: str, model: Model, note: str) -> None:
    assert note in told(prompt, model)[1]


@pytest.mark.parametrize(
    ("prompt", "model", "words"),
    [
        ("--ar 1:1", MINI, "the prompt says nothing to draw: words stand before its parameters"),
        ("  ", MINI, "the prompt says nothing to draw"),
        ("a fox --no hat", BARE, "'--no hat': model 'bare' takes no negative prompt"),
        ("a fox::2 a cat", BARE, "'a fox::2': model 'bare' takes no weights"),
        ("a fox::2 hat::-1", BARE, "'hat::-1': model 'bare' takes no negative prompt"),
        ("a fox --style flat icon", BARE, "'--style flat icon' is no style of model 'bare': it has raw only"),
        ("a fox --style oil", MINI, "it has raw, flat icon"),
        ("a fox --style flat icon --raw", MINI, "'--raw' leaves out every style"),
        ("a fox --q 2 --draft", MINI, "'--q 2' and '--draft' both say how many steps"),
        ("a fox --iw 2", MINI, "'--iw 2' weighs the pictures at the start of the prompt, and there is none"),
        ("a fox --sw 200", MINI, "'--sw 200' weighs the pictures of --sref, and there is none"),
        ("http://x.test/a.png a fox", MINI, "a picture at the start of the prompt: model 'mini' takes no picture"),
        ("a fox --sref http://x.test/a.png", MINI, "'--sref': model 'mini' takes no picture to go by"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_name(prompt: str, model: Model, words: str) -> None:
    assert words in refusal(prompt, model)


@pytest.mark.parametrize(
    ("prompt", "options", "words"),
    [
        ("a fox --ar 16:9", {"parameters": {"width": 256}}, "'--ar 16:9' in the prompt, which is width 352, and"),
        ("a fox --seed 5", {"seed": 6}, "'--seed 5' in the prompt and the field 'seed' (6) contradict each other"),
        ("a fox --q 2", {"parameters": {"num_inference_steps": 8}}, "'num_inference_steps' (8)"),
        ("a fox --s 200", {"parameters": {"guidance_scale": 9.0}}, "'guidance_scale' (9.0)"),
        ("a fox --tile", {"parameters": {"tiling": False}}, "'tiling' (False)"),
        ("a fox --chaos 5", {"parameters": {"chaos": 6}}, "'chaos' (6)"),
        ("a fox --raw", {"style": "flat icon"}, "'--raw' in the prompt and the field 'style' (flat icon)"),
        ("a fox --relax", {"priority": Priority.HIGH}, "'priority' (high)"),
        ("a fox::2 a cat", {"parameters": {"prompt_syntax": "plain"}}, "prompt_syntax is 'plain'"),
    ],
)
def test_a_field_that_says_something_else_is_a_contradiction(prompt: str, options: dict[str, Any], words: str) -> None:
    assert words in refusal(prompt, **options)


def test_a_field_that_says_the_same_is_none() -> None:
    (request,) = asked("a fox --seed 5 --q 2", seed=5, parameters={"num_inference_steps": 40})
    assert (request.seed, request.parameters["num_inference_steps"]) == (5, 40)


def test_fields_are_what_their_parameters_say() -> None:
    (request,) = asked("a fox --tile --chaos 30 --weird 250 --seed 7 --relax --style flat icon")
    told = request.parameters
    assert (told["tiling"], told["chaos"], told["weird"]) == (True, 30, 250)
    assert (request.seed, request.priority, request.style) == (7, Priority.LOW, "flat icon")


def test_negative_words_add_up() -> None:
    parameters, _ = told("a fox::2 snow::-0.5 --no hat, text", parameters={"negative_prompt": "blurry (very)"})
    assert parameters["prompt"] == "a fox"
    assert parameters["negative_prompt"] == r"blurry \(very\), hat, text, (snow:0.25)"
    assert parameters["prompt_syntax"] == "weighted"


def test_repeats_with_a_seed_go_on_behind_each_other() -> None:
    seeds = [each.seed for each in asked(f"a fox --repeat 3 --seed {MAX_SEED - 3}", n=2)]
    assert seeds == [MAX_SEED - 3, MAX_SEED - 1, 0]
    assert [each.seed for each in asked("a {red, blue} fox --seed 4")] == [4, 4]
    assert [each.seed for each in asked("a fox --repeat 2")] == [None, None]


@pytest.mark.parametrize(("weight", "strength"), [(0, 0), (50, 0.5), (100, 1), (550, 1.5), (1000, 2)])
def test_style_weights_are_strengths(weight: float, strength: float) -> None:
    assert style_strength(weight) == strength
