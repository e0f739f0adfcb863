"""What happens when a forward does not go well: who fails, who does not, and what the record says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from tests.worker.engine.drawings import a_request, draw_all, last_event, misbehave, plain_picture
from worker.contract import Canceled, Event, Failed, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

Loader = Callable[..., Models]


def assert_drawn_as_plain(models: Models, seed: int, event: Event) -> None:
    assert isinstance(event, Finished)
    expected = plain_picture(models, a_request(seed=seed)).permute(1, 2, 0)
    assert (event.result / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4


def test_a_request_that_breaks_its_forward_fails_alone(models: Models, fresh_models: Loader) -> None:
    # Given an encoder that chokes on the letter z, in a batch with prompts that have none
    broken = fresh_models()
    encoder = broken.get("sd15").pipeline.text_encoder

    def choke(input_ids: torch.Tensor, **rest: Any) -> None:
        if (input_ids == 25 + 2).any():
            raise ValueError("secret path /srv/models")

    misbehave(encoder, "forward", choke)
    # When it is drawn beside others
    one, bad, two = draw_all(broken, [a_request(seed=1), a_request(seed=2, prompt="zz"), a_request(seed=3)])
    # Then it alone fails, and its owner does not read our internals
    assert isinstance(bad, Failed)
    assert bad.error.code == "generation_failed"
    assert "secret" not in bad.error.message
    assert_drawn_as_plain(models, 1, one)
    assert_drawn_as_plain(models, 3, two)


def test_a_request_that_lacks_its_image_fails_alone(models: Models) -> None:
    good, bad = draw_all(models, [a_request(seed=4), a_request(task="inpaint", image=None)])
    assert isinstance(bad, Failed)
    assert bad.error.message == "the task inpaint needs an image"
    assert_drawn_as_plain(models, 4, good)


def test_a_forward_that_fails_only_merged_costs_nobody_the_picture(models: Models, fresh_models: Loader) -> None:
    broken = fresh_models()

    def refuse_crowds(sample: torch.Tensor, *args: Any, **rest: Any) -> None:
        if len(sample) > 2:
            raise RuntimeError("too many")

    misbehave(broken.get("sd15").pipeline.unet, "forward", refuse_crowds)
    for seed, event in enumerate(draw_all(broken, [a_request(seed=seed) for seed in range(3)])):
        assert_drawn_as_plain(models, seed, event)


def test_out_of_memory_halves_the_batch_and_says_so(models: Models, fresh_models: Loader) -> None:
    small = fresh_models()

    def fit_four_rows(sample: torch.Tensor, *args: Any, **rest: Any) -> None:
        if len(sample) > 4:
            raise torch.OutOfMemoryError

    misbehave(small.get("sd15").pipeline.unet, "forward", fit_four_rows)
    events = draw_all(small, [a_request(seed=seed) for seed in range(4)])
    for seed, event in enumerate(events):
        assert_drawn_as_plain(models, seed, event)
        assert isinstance(event, Finished)
        assert event.notes == ("out of memory in denoise: batch of 4 halved",)


def test_out_of_memory_alone_switches_attention_slicing_on(models: Models, fresh_models: Loader) -> None:
    small = fresh_models()
    unet = small.get("sd15").pipeline.unet

    def want_slicing(*args: Any, **rest: Any) -> None:
        if not getattr(unet, "easel_attention_sliced", False):
            raise torch.OutOfMemoryError

    misbehave(unet, "forward", want_slicing)
    (event,) = draw_all(small, [a_request(seed=5)])
    assert_drawn_as_plain(models, 5, event)
    assert isinstance(event, Finished)
    assert event.notes == ("out of memory in denoise: attention slicing switched on",)


def test_out_of_memory_in_decode_switches_tiling_on(models: Models, fresh_models: Loader) -> None:
    small = fresh_models()
    vae = small.get("sd15").pipeline.vae

    def want_tiling(*args: Any, **rest: Any) -> None:
        if not vae.use_tiling:
            raise torch.OutOfMemoryError

    misbehave(vae, "decode", want_tiling)
    (event,) = draw_all(small, [a_request(seed=6)])
    assert_drawn_as_plain(models, 6, event)
    assert isinstance(event, Finished)
    assert event.notes == ("out of memory in decode: VAE tiling switched on",)


def test_a_picture_that_never_fits_fails_without_harm_to_the_rest(models: Models, fresh_models: Loader) -> None:
    small = fresh_models()

    def fit_nothing_wide(sample: torch.Tensor, *args: Any, **rest: Any) -> None:
        if sample.shape[-1] > 8:
            raise torch.OutOfMemoryError

    misbehave(small.get("sd15").pipeline.unet, "forward", fit_nothing_wide)
    wide, square = draw_all(small, [a_request(width=128), a_request(seed=7)])
    assert isinstance(wide, Failed)
    assert wide.error.code == "out_of_memory"
    assert_drawn_as_plain(models, 7, square)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    ids=["cuda", "linux", "mps", "cublas"],
)
def test_every_allocator_is_understood(models: Models, fresh_models: Loader, error: Exception) -> None:
    small = fresh_models()

    def fit_two_rows(sample: torch.Tensor, *args: Any, **rest: Any) -> None:
        if len(sample) > 2:
            raise error

    misbehave(small.get("sd15").pipeline.unet, "forward", fit_two_rows)
    for seed, event in enumerate(draw_all(small, [a_request(seed=seed) for seed in range(2)])):
        assert_drawn_as_plain(models, seed, event)
        assert isinstance(event, Finished)
        assert event.notes == ("out of memory in denoise: batch of 2 halved",)


def test_a_prompt_that_does_not_fit_switches_nothing_on(fresh_models: Loader) -> None:
    small = fresh_models()
    pipeline = small.get("sd15").pipeline

    def fit_nothing(*args: Any, **rest: Any) -> None:
        raise torch.OutOfMemoryError

    misbehave(pipeline.text_encoder, "forward", fit_nothing)
    (event,) = draw_all(small, [a_request()])
    assert isinstance(event, Failed)
    assert event.error.code == "out_of_memory"
    assert not pipeline.vae.use_tiling


def test_memory_that_ends_between_forwards_is_told_as_such(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit_no_latents(*args: Any, **rest: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(StableDiffusionPipeline, "prepare_latents", fit_no_latents)
    (event,) = draw_all(models, [a_request()])
    assert isinstance(event, Failed)
    assert event.error.code == "out_of_memory"


@pytest.mark.parametrize("part", ["text_encoder", "unet"])
def test_a_lost_device_ends_the_engine_and_fails_no_request(fresh_models: Loader, part: str) -> None:
    # Given a device on which every call fails from some forward on
    broken = fresh_models()

    def lose_the_device(*args: Any, **rest: Any) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    misbehave(getattr(broken.get("sd15").pipeline, part), "forward", lose_the_device)
    engine = Engine(broken)
    drawings = [engine.submit(a_request(seed=seed)) for seed in range(2)]
    # When the engine meets it
    with pytest.raises(torch.AcceleratorError):
        engine.run()
    # Then nobody is told that the picture cannot be drawn, and nobody waits: another worker takes over
    assert [last_event(drawing) for drawing in drawings] == [Canceled(), Canceled()]


def test_a_launch_that_fails_merged_costs_nobody_the_picture(models: Models, fresh_models: Loader) -> None:
    # Given a kernel that the device refuses to start with many rows, and that leaves it as it was
    broken = fresh_models()

    def refuse_crowds(sample: torch.Tensor, *args: Any, **rest: Any) -> None:
        if len(sample) > 2:
            raise torch.AcceleratorError("CUDA error: invalid configuration argument")

    misbehave(broken.get("sd15").pipeline.unet, "forward", refuse_crowds)
    for seed, event in enumerate(draw_all(broken, [a_request(seed=seed) for seed in range(2)])):
        assert_drawn_as_plain(models, seed, event)


def test_a_device_lost_between_forwards_ends_the_engine(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_device(*args: Any, **rest: Any) -> None:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(StableDiffusionPipeline, "prepare_latents", lose_the_device)
    engine = Engine(models)
    drawings = [engine.submit(a_request(seed=seed)) for seed in range(2)]
    with pytest.raises(torch.AcceleratorError):
        engine.run()
    assert [last_event(drawing) for drawing in drawings] == [Canceled(), Canceled()]


def break_decoder(models: Models, value: float, dtypes: set[torch.dtype]) -> Any:
    """Let the decoder give nothing but `value` while its weights are in one of `dtypes`."""
    vae = models.get("sd15").pipeline.vae
    original = vae.decoder.forward

    def broken(sample: torch.Tensor, *args: Any) -> torch.Tensor:
        decoded = original(sample, *args)
        return torch.full_like(decoded, value) if decoded.dtype in dtypes else decoded

    vae.decoder.forward = broken
    return vae


def test_a_decoder_that_overflows_runs_again_in_float32(fresh_models: Loader) -> None:
    half = fresh_models(dtype="bfloat16")
    vae = break_decoder(half, float("nan"), {torch.bfloat16})
    events = draw_all(half, [a_request(seed=seed) for seed in range(2)])
    for event in events:
        assert isinstance(event, Finished)
        assert event.notes == ("decoded again in float32: half precision overflowed",)
    assert vae.dtype == torch.bfloat16


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.25])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_what_is_no_picture_is_never_a_success(fresh_models: Loader, dtype: str, value: float) -> None:
    models = fresh_models(dtype=dtype)
    break_decoder(models, value, {torch.bfloat16, torch.float32})
    (event,) = draw_all(models, [a_request()])
    assert isinstance(event, Failed)
    assert event.error.code == "nan_output"


def test_a_compiled_denoiser_sees_powers_of_two_only(models: Models, fresh_models: Loader) -> None:
    # Given a denoiser with a compiled part
    compiled = fresh_models()
    unet = compiled.get("sd15").pipeline.unet
    rows: list[int] = []
    misbehave(unet, "forward", lambda sample, *args, **rest: rows.append(len(sample)))
    unet.conv_in.compile(backend="eager")
    # When requests of different lengths share it
    requests = [a_request(seed=seed, num_inference_steps=2 + seed) for seed in range(3)]
    events = draw_all(compiled, requests)
    # Then six rows became eight, once with the proof of two alone, and the pictures are right
    assert rows == [8, 2, 2, 8, 4, 2]
    for request, event in zip(requests, events, strict=True):
        assert isinstance(event, Finished)
        expected = plain_picture(models, request).permute(1, 2, 0)
        assert (event.result / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
