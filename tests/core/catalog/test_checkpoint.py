"""A file's kind is told from its shapes; what it lacks or has too much is said; hostile headers are refused."""

from __future__ import annotations

import json
import pickle
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.catalog.catalog import Catalog
from core.catalog.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from tests.weight_files import Shapes, gguf_of, safetensors_of, string

UNET = "model.diffusion_model."


def unet(channels: int, context: int, *, linear: bool = False, labelled: bool = False) -> dict[str, tuple[int, ...]]:
    """The telling layers of a UNet in the original layout."""
    made: dict[str, tuple[int, ...]] = {
        f"{UNET}input_blocks.0.0.weight": (320, channels, 3, 3),
        f"{UNET}input_blocks.1.1.proj_in.weight": (320, 320) if linear else (320, 320, 1, 1),
        f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, context),
        f"{UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias": (320,),
    }
    return {**made, **({f"{UNET}label_emb.0.0.weight": (1280, 2816)} if labelled else {})}


VAE: Shapes = {
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
}
CLIP: Shapes = {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (49408, 768)}
OPENCLIP: Shapes = {"cond_stage_model.model.token_embedding.weight": (49408, 1024)}
CLIP_L: Shapes = {"conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": (49408, 768)}
CLIP_G: Shapes = {"conditioner.embedders.1.model.token_embedding.weight": (49408, 1280)}
REFINER_G: Shapes = {"conditioner.embedders.0.model.token_embedding.weight": (49408, 1280)}
XL = {**VAE, **CLIP_L, **CLIP_G}


def flux(channels: int, *, guided: bool, prefix: str = "") -> dict[str, tuple[int, ...]]:
    made: dict[str, tuple[int, ...]] = {
        "img_in.weight": (3072, channels),
        "txt_in.weight": (3072, 4096),
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        "single_blocks.0.linear1.weight": (21504, 3072),
        "final_layer.linear.weight": (64, 3072),
        **({"guidance_in.in_layer.weight": (3072, 256)} if guided else {}),
    }
    return {prefix + key: shape for key, shape in made.items()}


def sd3(*, normed: bool = False, dual: bool = False) -> dict[str, tuple[int, ...]]:
    return {
        f"{UNET}joint_blocks.0.x_block.attn.qkv.weight": (4608, 1536),
        f"{UNET}x_embedder.proj.weight": (1536, 16, 2, 2),
        f"{UNET}context_embedder.weight": (1536, 4096),
        **({f"{UNET}joint_blocks.0.x_block.attn.ln_q.weight": (64,)} if normed else {}),
        **({f"{UNET}joint_blocks.0.x_block.attn2.qkv.weight": (4608, 1536)} if dual else {}),
    }


KINDS: dict[str, tuple[Shapes, str | None]] = {
    "sd15": ({**unet(4, 768), **VAE, **CLIP}, "StableDiffusionPipeline"),
    "sd15-inpainting": ({**unet(9, 768), **VAE, **CLIP}, "StableDiffusionInpaintPipeline"),
    "instruct-pix2pix": ({**unet(8, 768), **VAE, **CLIP}, "StableDiffusionInstructPix2PixPipeline"),
    "sd2": ({**unet(4, 1024, linear=True), **VAE, **OPENCLIP}, "StableDiffusionPipeline"),
    "sd2-inpainting": ({**unet(9, 1024, linear=True), **VAE, **OPENCLIP}, "StableDiffusionInpaintPipeline"),
    "sd2-depth": ({**unet(5, 1024, linear=True), **VAE, **OPENCLIP}, "StableDiffusionDepth2ImgPipeline"),
    "sdxl": ({**unet(4, 2048, linear=True, labelled=True), **XL}, "StableDiffusionXLPipeline"),
    "sdxl-inpainting": ({**unet(9, 2048, linear=True, labelled=True), **XL}, "StableDiffusionXLInpaintPipeline"),
    "sdxl-refiner": (
        {**unet(4, 1280, linear=True, labelled=True), **VAE, **REFINER_G},
        "StableDiffusionXLImg2ImgPipeline",
    ),
    "sd3": (sd3(), "StableDiffusion3Pipeline"),
    "sd35-medium": (sd3(normed=True, dual=True), "StableDiffusion3Pipeline"),
    "sd35-large": (sd3(normed=True), "StableDiffusion3Pipeline"),
    "flux-dev": (flux(64, guided=True), "FluxPipeline"),
    "flux-schnell": (flux(64, guided=False, prefix=UNET), "FluxPipeline"),
    "flux-fill": (flux(384, guided=True), "FluxFillPipeline"),
    "flux-control": (flux(128, guided=True), "FluxControlPipeline"),
    "vae": ({key.removeprefix("first_stage_model."): shape for key, shape in VAE.items()}, None),
    "text-encoder": ({"text_model.embeddings.token_embedding.weight": (49408, 768)}, None),
    "lora": ({"lora_unet_mid_block_attn2_to_k.lora_down.weight": (8, 768), "lora_unet_x.alpha": ()}, None),
    "textual-inversion": ({"emb_params": (4, 768)}, None),
    "controlnet": ({"control_model.input_hint_block.0.weight": (16, 3, 3, 3)}, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_told_from_the_shapes_whatever_the_name(tmp_path: Path, kind: str) -> None:
    shapes, pipeline = KINDS[kind]
    told = read_checkpoint(safetensors_of(tmp_path / "sdxl_lora_flux.safetensors", shapes))
    assert (told.kind, told.pipeline) == (kind, pipeline)
    assert (told.refusal is None) == (pipeline is not None)


def read(tmp_path: Path, shapes: Shapes, dtype: str = "F16", **types: str) -> Checkpoint:
    return read_checkpoint(safetensors_of(tmp_path / "file.safetensors", shapes, dtype, None, **types))


def test_a_baked_and_a_missing_autoencoder_and_encoder_are_told(tmp_path: Path) -> None:
    whole = read(tmp_path, {**unet(4, 768), **VAE, **CLIP})
    assert (whole.parts, whole.lacks) == (("unet", "vae", "text_encoder"), ())
    bare = read(tmp_path, unet(4, 768))
    assert (bare.parts, bare.lacks) == (("unet",), ("vae", "text_encoder"))


def test_an_sdxl_without_one_text_encoder_is_told(tmp_path: Path) -> None:
    told = read(tmp_path, {**unet(4, 2048, linear=True, labelled=True), **VAE, **CLIP_L})
    assert (told.kind, told.lacks) == ("sdxl", ("text_encoder_2",))


def test_a_refiner_s_encoder_is_the_second(tmp_path: Path) -> None:
    told = read(tmp_path, KINDS["sdxl-refiner"][0])
    assert (set(told.parts), told.lacks) == ({"unet", "vae", "text_encoder_2"}, ())


def test_ema_weights_and_strangers_are_said(tmp_path: Path) -> None:
    ema = {f"model_ema.diffusion_modelx{at}": (1,) for at in range(9)}
    told = read(tmp_path, {**unet(4, 768), **ema, "something.else": (3,), "betas": (1000,)})
    assert "EMA weights beside (9 tensors" in told.extra[0]
    assert "1 tensors that no component takes, such as 'something.else'" in told.extra[1]


def test_precision_is_told(tmp_path: Path) -> None:
    shapes = unet(4, 768)
    assert read(tmp_path, shapes).precision == "float16"
    assert read(tmp_path, shapes, "BF16").precision == "bfloat16"
    assert read(tmp_path, shapes, "F8_E4M3").precision == "float8"
    mixed = {"F16": "F16", "proj_in.weight": "F32"}
    assert read(tmp_path, shapes, "F16", **mixed).precision == "mixed"


def test_markers_of_fine_tunes_set_what_is_predicted(tmp_path: Path) -> None:
    base = KINDS["sdxl"][0]
    assert read(tmp_path, base).prediction_type == "epsilon"
    velocity = read(tmp_path, {**base, "v_pred": (0,)})
    assert (velocity.prediction_type, velocity.zero_snr) == ("v_prediction", False)
    both = read(tmp_path, {**base, "v_pred": (0,), "ztsnr": (0,)})
    assert both.scheduler_config == {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }


def test_velocity_of_stable_diffusion_2_is_told_by_the_spread_of_one_bias(tmp_path: Path) -> None:
    path = safetensors_of(tmp_path / "file.safetensors", KINDS["sd2"][0], "F32")
    assert read_checkpoint(path).prediction_type == "epsilon"
    content = bytearray(path.read_bytes()[: 1 << 16])
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    begin, end = header[f"{UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias"]["data_offsets"]
    with path.open("r+b") as file:
        file.seek(8 + int.from_bytes(content[:8], "little") + begin)
        file.write(struct.pack("<320f", *([0.3, -0.3] * 160)))
    assert end - begin == 1280
    told = read_checkpoint(path)
    assert (told.prediction_type, told.width) == ("v_prediction", 768)


def test_diffusers_own_unet_alone_is_a_model_without_the_rest(tmp_path: Path) -> None:
    told = read(
        tmp_path,
        {
            "conv_in.weight": (320, 9, 3, 3),
            "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 768),
        },
    )
    assert (told.kind, told.layout, told.parts) == ("sd15-inpainting", "diffusers", ("unet",))


def test_gguf_is_told_by_its_content(tmp_path: Path) -> None:
    told = read_checkpoint(gguf_of(tmp_path / "x.safetensors", flux(64, guided=True), {"general.architecture": "flux"}))
    assert (told.kind, told.format, told.precision, told.refusal) == ("flux-dev", "gguf", "float16", None)
    lone = read_checkpoint(gguf_of(tmp_path / "y.gguf", unet(4, 768), {"general.architecture": "sd1"}))
    assert "transformers only" in str(lone.refusal)


def test_what_is_alone_is_named(tmp_path: Path) -> None:
    told = read(tmp_path, KINDS["lora"][0])
    assert told.refusal == "the file is a LoRA, not a model that draws by itself"
    assert told.family == "sd15"


def test_a_file_cut_short_says_how_much_is_there(tmp_path: Path) -> None:
    path = safetensors_of(tmp_path / "file.safetensors", unet(4, 768))
    whole = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(whole - 5)
    with pytest.raises(CheckpointError, match=f"cut short: {whole - 5} of {whole} bytes"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (pickle.dumps({"a": 1}), "is a pickle"),
        (b"PK\x03\x04" + bytes(99), "is a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "LFS pointer"),
        (b"<!DOCTYPE html>", "neither safetensors nor GGUF"),
        ((2**40).to_bytes(8, "little") + b"{}", "cut short"),
        ((1 << 17).to_bytes(8, "little") + b'{"a":' + b"[" * (1 << 17), "no JSON"),
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQ", 9, 8, 2**60), "cut short"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<IIQ", 9, 0, 2**60), "cut short"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 99,
            "more metadata",
        ),
    ],
)
def test_what_is_no_file_of_weights_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        read_checkpoint(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=9,
)
NAMES = st.sampled_from([*unet(4, 768), *flux(64, guided=True), *sd3(), "__metadata__", "emb_params", "v_pred", *VAE])
ROWS = JSON | st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F16", "F4"]),
        "shape": st.lists(st.just(0), max_size=4),
        "data_offsets": st.just([0, 0]),
    }
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.dictionaries(NAMES, ROWS, max_size=6), tail=st.binary(max_size=16))
def test_hostile_safetensors_are_told_or_refused(tmp_path: Path, header: object, tail: bytes) -> None:
    text = json.dumps(header).encode()
    never_crashes(tmp_path / "x", len(text).to_bytes(8, "little") + text + tail)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), at=st.integers(0, 400), put=st.binary(max_size=9))
def test_hostile_gguf_is_told_or_refused(tmp_path: Path, cut: int, at: int, put: bytes) -> None:
    whole = gguf_of(tmp_path / "y", {"img_in.weight": (4, 4), "v": (2,)}, {"general.architecture": "flux"}).read_bytes()
    never_crashes(tmp_path / "x", (b"GGUF" + (whole[4:at] + put + whole[at + len(put) :])[: cut or None]))


def never_crashes(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with suppress(CheckpointError):
        assert read_checkpoint(path).title


def test_a_row_s_family_is_told_by_its_file(tmp_path: Path) -> None:
    safetensors_of(tmp_path / "some.safetensors", KINDS["sdxl"][0])
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    rows = '[one]\nsource = "some.safetensors"\n[two]\nsource = "broken.safetensors"\n'
    (tmp_path / "catalog.toml").write_text(rows)
    catalog = Catalog.load(tmp_path / "catalog.toml")
    assert [row.family for row in catalog.models] == ["sdxl", "unknown"]
