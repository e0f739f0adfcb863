"""LoRAs of a row: in the weights, in every layout that people have, exactly; and told in words where they are none."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from core.catalog.catalog import Catalog
from core.errors import JobFailure
from tests.lora_files import KOHYA, Tensors, changes, diffusers_lora, kohya_lora, write
from tests.worker.engine.drawings import a_request, draw_all
from worker.contract import Finished
from worker.pipelines.models import Models

Load = Callable[..., Any]

ENDINGS = ("to_q", "conv1", "fc1")


@pytest.fixture
def load(catalog: Catalog) -> Load:
    """A tiny model's pipeline with the LoRAs named, by file."""

    def loaded(model: str, loras: dict[Path, float], **row: Any) -> Any:
        named = {str(file): scale for file, scale in loras.items()}
        rows = [catalog.model(model).evolve(loras=named, **row)]
        return (
            Models(catalog.evolve(models=tuple(rows), default=model), device="cpu", max_resident=1).get(model).pipeline
        )

    return loaded


def weights_of(pipeline: Any) -> Tensors:
    parts = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}


def differ(pipeline: Any, plain: Any, added: Tensors, tolerance: float = 1e-6) -> list[str]:
    """The weights that are not those of `plain` with `added` to them."""
    before, after = weights_of(plain), weights_of(pipeline)
    assert before.keys() == after.keys()
    wanted = {name: before[name].double() + added.get(name.removesuffix(".weight"), 0) for name in before}
    return [name for name in before if not torch.allclose(after[name].double(), wanted[name], rtol=0, atol=tolerance)]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("sd15", ("unet", "text_encoder")),
        ("sdxl", ("unet", "text_encoder", "text_encoder_2")),
        ("sd3", ("transformer", "text_encoder", "text_encoder_2")),
        ("flux", ("transformer", "text_encoder")),
    ],
)
def test_what_a_lora_says_is_in_the_weights(load: Load, tmp_path: Path, model: str, parts: tuple[str, ...]) -> None:
    # Given a LoRA of the denoiser and the text encoders
    plain = load(model, {})
    file = write(
        diffusers_lora(plain, *parts, endings=("to_q", "to_out.0", "q_proj", "out_proj")), tmp_path / "a.safetensors"
    )

    # When the model is loaded with it, at half its strength
    pipeline = load(model, {file: 0.5})

    # Then its product is added to those layers and nothing else has changed, neither are there other modules
    added = changes(plain, *parts, scale=0.5, endings=("to_q", "to_out.0", "q_proj", "out_proj"))
    assert added
    assert differ(pipeline, plain, added) == []
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module):
            kinds = {inner: type(module) for inner, module in part.named_modules()}
            assert kinds == {inner: type(module) for inner, module in getattr(plain, name).named_modules()}
            assert not part.training
            assert not any(isinstance(module, BaseTunerLayer) for module in part.modules())
            assert getattr(part, "peft_config", None) is None


@pytest.mark.parametrize(
    ("model", "parts"), [("sd15", ("unet", "text_encoder")), ("sdxl", ("unet", "text_encoder", "text_encoder_2"))]
)
def test_the_layout_of_kohyas_scripts_says_the_same(
    load: Load, tmp_path: Path, model: str, parts: tuple[str, ...]
) -> None:
    # Given a LoRA as model sites have it, with an alpha of its own
    plain = load(model, {})
    file = write(kohya_lora(plain, *parts, alpha=4.0), tmp_path / "a.safetensors")

    # When the model is loaded with it
    pipeline = load(model, {file: 1.0})

    # Then alpha over rank counts: 4 / 2
    assert differ(pipeline, plain, changes(plain, *parts, scale=2.0)) == []


def test_the_layout_of_kohyas_scripts_for_flux(load: Load, tmp_path: Path) -> None:
    # Given query, key and value in one layer, as in FLUX's own layout
    plain = load("flux", {})
    width = plain.transformer.transformer_blocks[0].attn.to_q.weight.shape[1]
    noise = torch.Generator().manual_seed(0)
    down, up = 0.2 * torch.randn(2, width, generator=noise), 0.2 * torch.randn(3 * width, 2, generator=noise)
    key = "lora_unet_double_blocks_0_img_attn_qkv"
    tensors = {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(2.0)}

    # When the model is loaded with it
    pipeline = load("flux", {write(tensors, tmp_path / "a.safetensors"): 1.0})

    # Then each of the three has its part
    product = (up.double() @ down.double()).split(width)
    name = "transformer.transformer_blocks.0.attn"
    added = {f"{name}.{each}": part for each, part in zip(("to_q", "to_k", "to_v"), product, strict=True)}
    assert differ(pipeline, plain, added) == []


def test_convolutions_are_changed_too(load: Load, tmp_path: Path) -> None:
    plain = load("sd15", {})
    file = write(diffusers_lora(plain, "unet", endings=ENDINGS), tmp_path / "a.safetensors")
    assert differ(load("sd15", {file: 1.0}), plain, changes(plain, "unet", endings=ENDINGS)) == []


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_several_are_added_up_before_they_are_rounded(load: Load, tmp_path: Path, dtype: str) -> None:
    # Given twenty LoRAs, each too weak to change a weight of that precision by itself
    plain = load("sd15", {}, dtype=dtype)
    files = {
        write(diffusers_lora(plain, "unet", seed=0), tmp_path / f"{number}.safetensors"): 0.01 for number in range(20)
    }

    # When a model of that precision is loaded with them
    pipeline = load("sd15", files, dtype=dtype)

    # Then each weight is the sum, rounded once
    before, after, added = weights_of(plain), weights_of(pipeline), changes(plain, "unet", scale=0.2)
    for name, change in added.items():
        wanted = (before[f"{name}.weight"].double() + change).to(getattr(torch, dtype))
        step = torch.finfo(wanted.dtype).eps * wanted.double().abs()
        assert after[f"{name}.weight"].dtype is wanted.dtype
        assert bool(((after[f"{name}.weight"].double() - wanted.double()).abs() <= step + 1e-9).all())


def test_a_model_with_a_lora_draws_together_and_alone_the_same(catalog: Catalog, load: Load, tmp_path: Path) -> None:
    # Given a row with a LoRA
    file = write(diffusers_lora(load("sd15", {}), "unet", "text_encoder"), tmp_path / "a.safetensors")
    row = catalog.model("sd15").evolve(loras={str(file): 1.0})
    models = Models(catalog.evolve(models=(row,), default=row.id), device="cpu", max_resident=1)

    def drawn(models: Models, *seeds: int) -> list[torch.Tensor]:
        requests = [a_request("sd15", seed=seed, num_inference_steps=2) for seed in seeds]
        events = draw_all(models, requests)
        assert all(isinstance(event, Finished) for event in events), events
        return [event.result for event in events if isinstance(event, Finished)]

    # When three are drawn at once, and one alone
    together, alone = drawn(models, 1, 2, 3), drawn(models, 1)

    # Then they are the same, and others than the model draws without it
    assert (together[0].int() - alone[0].int()).abs().max() <= 1
    plain = Models(catalog, device="cpu", max_resident=1)
    assert not torch.equal(alone[0], drawn(plain, 1)[0])


def test_layers_without_a_place_are_counted(load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Given a LoRA of which some layers are another model's
    plain = load("sd15", {})
    tensors = diffusers_lora(plain, "unet", endings=("to_q",))
    strange = {f"unet.down_blocks.7.attn.to_q.{end}": tensor for end, tensor in
               (("lora_A.weight", torch.zeros(2, 32)), ("lora_B.weight", torch.zeros(32, 2)))}  # fmt: skip
    file = write({**tensors, **strange}, tmp_path / "a.safetensors")

    # When the model is loaded with it
    with caplog.at_level(logging.WARNING, "worker.pipelines.loras"):
        pipeline = load("sd15", {file: 1.0})

    # Then the others are in, and the log says how many are not
    assert differ(pipeline, plain, changes(plain, "unet", endings=("to_q",))) == []
    assert f"the LoRA 'a.safetensors': 1 of its {len(tensors) // 2 + 1} layers found no place" in caplog.text


def loha(pipeline: Any) -> Tensors:
    marks = {"lora_down.weight": "hada_w1_a", "lora_up.weight": "hada_w1_b"}
    tensors = kohya_lora(pipeline, "unet")
    return {key.replace(end := key.partition(".")[2], marks.get(end, end)): value for key, value in tensors.items()}


def dora(pipeline: Any) -> Tensors:
    tensors = kohya_lora(pipeline, "unet")
    scales = {key.replace("alpha", "dora_scale"): torch.ones(1, 8) for key in tensors if key.endswith("alpha")}
    return {**tensors, **scales}


def not_numbers(pipeline: Any) -> Tensors:
    return {key: value * float("nan") for key, value in diffusers_lora(pipeline, "unet").items()}


@pytest.mark.parametrize(
    ("model", "source", "make", "said"),
    [
        ("sd15", "sdxl", lambda it: diffusers_lora(it, "unet"), "attn2.to_k is 2, 64 where the model takes 2, 32"),
        (
            "sd15",
            "flux",
            lambda it: diffusers_lora(it, "transformer"),
            "the model has none of the layers that it changes",
        ),
        ("flux", "sd15", lambda it: diffusers_lora(it, "unet"), "the model has none of the layers that it changes"),
        ("sdxl", "flux", lambda it: diffusers_lora(it, "transformer"), "made for FLUX"),
        ("sd15", "sd15", lambda it: it.vae.state_dict(), "it is an autoencoder (VAE)"),
        ("sd15", "sd15", lambda it: {"a.weight": torch.zeros(2, 2)}, "of a kind that is not known"),
        ("sd15", "sd15", loha, "is a LoHa (LyCORIS), which diffusers cannot load"),
        ("sd15", "sd15", dora, "is a DoRA in the layout of kohya's scripts"),
        ("sd15", "sd15", not_numbers, "holds what is no number"),
        ("sd15", "sd15", lambda it: {f"{KOHYA['unet']}_x.lora_down.weight": torch.zeros(2, 2)}, "diffusers"),
    ],
)
def test_what_does_not_fit_is_told(
    load: Load, tmp_path: Path, model: str, source: str, make: Callable[[Any], Tensors], said: str
) -> None:
    # Given a file that is no LoRA, or another model's
    file = write(
        {name: value.contiguous() for name, value in make(load(source, {})).items()}, tmp_path / "strange.safetensors"
    )

    # When a model is loaded with it
    with pytest.raises(JobFailure) as failure:
        load(model, {file: 1.0})

    # Then the job fails with the reason, which names the file but not where it lies
    assert failure.value.code == "model_load_failed"
    assert "strange.safetensors" in failure.value.message
    assert str(tmp_path) not in failure.value.message
    assert said in failure.value.message


def test_pickles_and_broken_files_are_not_opened(load: Load, tmp_path: Path) -> None:
    (pickled := tmp_path / "a.safetensors").write_bytes(pickle.dumps({"lora_A.weight": [1.0]}))
    with pytest.raises(JobFailure, match=r"a\.safetensors' is not safetensors"):
        load("sd15", {pickled: 1.0})
    whole = write(diffusers_lora(load("sd15", {}), "unet"), tmp_path / "b.safetensors")
    whole.write_bytes(whole.read_bytes()[:-7])
    with pytest.raises(JobFailure, match=r"b\.safetensors' is not safetensors.*cut short"):
        load("sd15", {whole: 1.0})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("loras/missing.safetensors", "there is no file 'loras/missing.safetensors' for a LoRA"),
        ("owner/name/missing.safetensors", "nor in the hub's cache: fetch it"),
    ],
)
def test_a_file_that_is_not_there_is_told(catalog: Catalog, source: str, said: str) -> None:
    row = catalog.model("sd15").evolve(loras={source: 1.0})
    models = Models(catalog.evolve(models=(row,), default=row.id), device="cpu", max_resident=1)
    with pytest.raises(JobFailure, match=said):
        models.get("sd15")


def test_a_file_of_the_hubs_cache_is_taken_by_its_id(
    load: Load, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a LoRA that the cache has, as the hub's library keeps it: a link to a blob without an ending
    home = tmp_path / "models--owner--name"
    for folder in ("blobs", "refs", "snapshots/0123/loras"):
        (home / folder).mkdir(parents=True)
    plain = load("sd15", {})
    write(diffusers_lora(plain, "unet"), home / "blobs/abc")
    (home / "refs/main").write_text("0123")
    (home / "snapshots/0123/loras/a.safetensors").symlink_to("../../../blobs/abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    # When a row names it by repository and file, or its place
    by_id = load("sd15", {Path("owner/name/loras/a.safetensors"): 1.0})
    by_place = load("sd15", {home / "snapshots/0123/loras/a.safetensors": 1.0})

    # Then it is in the weights
    assert differ(by_id, plain, changes(plain, "unet")) == []
    assert differ(by_place, plain, changes(plain, "unet")) == []
