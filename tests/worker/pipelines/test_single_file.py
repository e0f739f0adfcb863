"""A single file draws as the folder of the same model does, in either layout, and its faults are said in words."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from core.catalog.catalog import Catalog
from core.catalog.checkpoint_config import write_config
from core.catalog.model import Model
from core.errors import JobFailure
from tests import original_layout as layout
from tests.tiny_models import FAMILIES, build, sd15, unet
from worker.pipelines.clip_vocabulary import byte_letters
from worker.pipelines.loading import load
from worker.pipelines.memory import MemoryOptions

ORIGINAL: dict[str, Callable[[Any], layout.Tensors]] = {
    "sd15": layout.original_sd,
    "sdxl": layout.original_sdxl,
    "sd3": layout.original_sd3,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of each family as a folder, and under `config` the same without weights."""
    root = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        build(family, root / family)
        shutil.copytree(root / family, root / "config" / family, ignore=shutil.ignore_patterns("*.safetensors"))
    return root


def opened(folders: Path, source: str, family: str, **fields: Any) -> Any:
    row = Model.model_validate({"id": "file", "source": source, "family": family, **fields})
    catalog = Catalog(models=(row,), default="file", folder=folders)
    return load(row, catalog.local_path, torch.device("cpu"), MemoryOptions(), allow_downloads=False).pipeline


def refused(folders: Path, source: str, family: str, **fields: Any) -> str:
    with pytest.raises(JobFailure) as failure:
        opened(folders, source, family, **fields)
    assert failure.value.code == "model_load_failed"
    return str(failure.value)


def weights(pipeline: Any) -> dict[str, torch.Tensor]:
    return layout.diffusers_layout(pipeline)


def drawn(pipeline: Any) -> torch.Tensor:
    noise = torch.Generator().manual_seed(3)
    call = {"num_inference_steps": 2, "height": 64, "width": 64, "output_type": "pt", "generator": noise}
    picture: torch.Tensor = pipeline(prompt="a tree", **call).images
    return picture


def same(one: Any, other: Any) -> None:
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    assert [key for key in mine if not torch.equal(mine[key], theirs[key])] == []
    assert (drawn(one) - drawn(other)).abs().max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_with_diffusers_own_keys_is_the_folder_s_model(folders: Path, family: str) -> None:
    # Given
    stock = opened(folders, family, family)
    layout.write(layout.diffusers_layout(stock), folders / f"{family}-own.safetensors")
    # When
    single = opened(folders, f"{family}-own.safetensors", family, config=f"config/{family}")
    # Then
    same(single, stock)


@pytest.mark.parametrize("family", ORIGINAL)
def test_a_file_in_the_original_layout_is_the_folder_s_model(folders: Path, family: str) -> None:
    # Given
    stock = opened(folders, family, family)
    layout.write(ORIGINAL[family](stock), folders / f"{family}-original.safetensors")
    # When
    single = opened(folders, f"{family}-original.safetensors", family, config=f"config/{family}")
    # Then
    same(single, stock)


def test_the_configuration_beside_a_file_is_found(folders: Path) -> None:
    layout.write(layout.original_sd(opened(folders, "sd15", "sd15")), folders / "beside.safetensors")
    shutil.copytree(folders / "config" / "sd15", folders / "beside.safetensors.config")
    assert drawn(opened(folders, "beside.safetensors", "sd15")).shape == (1, 3, 64, 64)


def test_float8_weights_are_brought_up_with_their_scale(folders: Path) -> None:
    # Given: a file whose attention weights are float8, scaled as ComfyUI's scaled_fp8 files are
    stock = opened(folders, "sd15", "sd15")
    tensors = layout.original_sd(stock)
    name = next(key for key in tensors if key.endswith("attn2.to_k.weight"))
    scaled = {
        **tensors,
        name: (tensors[name] / 0.25).to(torch.float8_e4m3fn),
        name.replace(".weight", ".scale_weight"): torch.tensor(0.25),
        "model.diffusion_model.scaled_fp8": torch.zeros(0, dtype=torch.float8_e4m3fn),
    }
    layout.write(scaled, folders / "float8.safetensors")
    # When
    single = opened(folders, "float8.safetensors", "sd15", config="config/sd15")
    # Then
    key = next(key for key, each in stock.unet.state_dict().items() if "attn2.to_k" in key)
    loaded, whole = single.unet.state_dict()[key], stock.unet.state_dict()[key]
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded, scaled[name].float() * 0.25)
    assert (loaded - whole).abs().max() < 0.07 * whole.abs().max()


def test_half_and_float_mixed_load_in_the_run_s_precision(folders: Path) -> None:
    tensors = layout.original_sd(opened(folders, "sd15", "sd15"))
    mixed = {key: each.half() if "first_stage" in key else each for key, each in tensors.items()}
    layout.write(mixed, folders / "mixed.safetensors")
    single = opened(folders, "mixed.safetensors", "sd15", config="config/sd15", dtype="bfloat16")
    assert {each.dtype for each in weights(single).values() if each.is_floating_point()} == {torch.bfloat16}


def test_a_marked_file_predicts_velocity(folders: Path) -> None:
    tensors = layout.original_sd(opened(folders, "sd15", "sd15"))
    layout.write({**tensors, "v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, folders / "marked.safetensors")
    told = opened(folders, "marked.safetensors", "sd15", config="config/sd15").scheduler.config
    assert (told.prediction_type, told.rescale_betas_zero_snr) == ("v_prediction", True)


@pytest.mark.parametrize("source", ["sd15", "sd15-own.safetensors"])
@pytest.mark.parametrize("vae", ["other/vae", "other", "vae.safetensors"])
def test_an_autoencoder_of_the_row_s_is_taken(folders: Path, source: str, vae: str) -> None:
    # Given
    other = opened(folders, "sd15", "sd15")
    with torch.no_grad():
        other.vae.decoder.conv_out.bias.add_(0.5)
    other.save_pretrained(folders / "other")
    layout.write(layout.diffusers_layout(opened(folders, "sd15", "sd15")), folders / "sd15-own.safetensors")
    layout.write(layout.vae(other.vae), folders / "vae.safetensors")
    # When
    single = opened(folders, source, "sd15", config="config/sd15", vae=vae, text_encoder="other/text_encoder")
    # Then
    assert torch.equal(single.vae.decoder.conv_out.bias, other.vae.decoder.conv_out.bias)


def test_what_is_wrong_with_a_file_is_said_in_words(folders: Path) -> None:
    tensors = layout.original_sd(opened(folders, "sd15", "sd15"))
    config = "config/sd15"
    # A file that is no model
    save_file({"lora_unet_x.lora_down.weight": torch.zeros(1, 2)}, folders / "lora.safetensors")
    assert "the file is a LoRA, not a model" in refused(folders, "lora.safetensors", "sd15", config=config)
    # A part that is nowhere
    layout.write({key: each for key, each in tensors.items() if "first_stage" not in key}, folders / "bare.safetensors")
    assert "the file has no autoencoder" in refused(folders, "bare.safetensors", "sd15", config=config)
    assert opened(folders, "bare.safetensors", "sd15", config=config, vae="sd15/vae").vae is not None
    # No configuration, and a wrong one
    layout.write(tensors, folders / "plain.safetensors")
    assert "nothing says how it is configured" in refused(folders, "plain.safetensors", "sd15")
    assert "`config` is 'nowhere'" in refused(folders, "plain.safetensors", "sd15", config="nowhere")
    assert "another" in refused(folders, "plain.safetensors", "sd15", config="config/flux")
    # No tokenizer
    shutil.copytree(folders / config, folders / "mute", ignore=shutil.ignore_patterns("tokenizer"))
    assert "no tokenizer" in refused(folders, "plain.safetensors", "sd15", config="mute")
    # Cut short, and incomplete
    content = (folders / "plain.safetensors").read_bytes()
    (folders / "short.safetensors").write_bytes(content[:-9])
    said = refused(folders, "short.safetensors", "sd15", config=config)
    assert f"short.safetensors is cut short: {len(content) - 9} of {len(content)} bytes" in said
    lost = next(key for key in tensors if key.endswith("attn2.to_k.weight"))
    layout.write({key: each for key, each in tensors.items() if key != lost}, folders / "holes.safetensors")
    assert "is missing" in refused(folders, "holes.safetensors", "sd15", config=config)
    # A pickle with another name
    torch.save({"a": torch.zeros(1)}, folders / "pickle.safetensors")
    assert "is a pickle" in refused(folders, "pickle.safetensors", "sd15", config=config)


def test_a_gguf_transformer_takes_the_rest_from_its_configuration_s_folder(folders: Path) -> None:
    # Given: the tiny transformer, quantised where its rows are long enough, and the whole model as `config`
    stock = opened(folders, "flux", "flux")
    writer = GGUFWriter(str(folders / "flux.gguf"), "flux")
    for key, each in stock.transformer.state_dict().items():
        kind = GGMLQuantizationType.Q8_0 if each.dim() == 2 and each.shape[1] % 32 == 0 else GGMLQuantizationType.F32
        writer.add_tensor(key, quantize(each.numpy(), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    # When
    single = opened(folders, "flux.gguf", "flux", config="flux")
    # Then
    assert torch.equal(single.vae.decoder.conv_out.weight, stock.vae.decoder.conv_out.weight)
    assert (drawn(single) - drawn(stock)).abs().max() < 0.05
    # And a LoRA cannot be added to what stays quantised
    told = refused(folders, "flux.gguf", "flux", config="flux", loras={"a.safetensors": 1.0})
    assert "the weights of the transformer are quantised" in told


def test_a_made_configuration_and_the_packages_vocabulary_are_enough(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: a package that ships CLIP's vocabulary, and a file of the true layout but few layers
    package = tmp_path / "open_clip"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('never imported')")
    merges = ["t r", "tr e", "tre e</w>", "a b</w>"]
    (package / "bpe_simple_vocab_16e6.txt.gz").write_bytes(gzip.compress("\n".join(["#", *merges]).encode()))
    monkeypatch.syspath_prepend(tmp_path)
    pipeline = small()
    path = layout.write(layout.original_sd(pipeline), folders / "whole.safetensors")
    write_config(path, folders / "whole.safetensors.config")
    # When
    single = opened(folders, "whole.safetensors", "sd15")
    # Then
    letters = byte_letters()
    assert single.tokenizer("a tree").input_ids == [516, 256 + letters.index("a"), 514, 517]
    pipeline.tokenizer = single.tokenizer
    assert all(torch.equal(weights(single)[key], each) for key, each in weights(pipeline).items())
    assert (drawn(single) - drawn(pipeline)).abs().max() <= 1e-5


def small() -> Any:
    """A Stable Diffusion 1 of few channels and layers, with as many heads as the original has."""
    config = CLIPTextConfig(
        vocab_size=520, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=1, eos_token_id=2
    )
    parts = {
        "unet": unet(attention_head_dim=8, block_out_channels=(32, 64), norm_num_groups=32),
        "vae": AutoencoderKL(block_out_channels=(32,), scaling_factor=0.18215),
        "text_encoder": CLIPTextModel(config).eval(),
    }
    return StableDiffusionPipeline(**{**sd15().components, **parts}, requires_safety_checker=False)
