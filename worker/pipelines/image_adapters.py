"""IP-Adapters beside one resident model (Ye et al. 2023, arXiv:2308.06721): pictures to go by, as tokens.

Stock diffusers reads a file over an empty twin of the model; the UNet that draws keeps its own attention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import torch
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.catalog.tensor_info import CheckpointError
from worker.faults import is_out_of_memory
from worker.pipelines.adapter_cache import AdapterCache
from worker.pipelines.adapter_places import place_of
from worker.pipelines.image_rows import Projections, Tokens, cover_attention
from worker.pipelines.lora_factors import emptied
from worker.pipelines.row_guides import NUMBERS, Guide, Running
from worker.pipelines.weights import check_weights, is_safetensors

MAX_BYTES: Final = 4 * 2**30
"""Of all that no request uses, with what they see with."""

READ: Final = (ImageProjection, IPAdapterFullImageProjection, IPAdapterPlusImageProjection)
"""Kinds of projections that take what an image encoder makes of a picture; others want the embedding of a face."""


@dataclass(eq=False, frozen=True)
class ImageAdapter:
    """One that is read: `encoder` sees, `projection` makes tokens of it, `layers` attend to them."""

    row: AdapterRow
    encoder: Any
    projection: torch.nn.Module
    layers: Mapping[str, Projections]
    size_bytes: int

    def tokens(self, picture: Image.Image | None) -> torch.Tensor:
        """[tokens, channels] of `picture`, or of the lack of one, as the stock pipelines make them.

        Plus adapters see by the states before the encoder's last layer, the others by its embedding.
        """
        side = self.encoder.config.image_size
        if picture is None:
            pixels = torch.zeros(1, self.encoder.config.num_channels, side, side)
        else:
            seen = CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
            pixels = seen(picture, return_tensors="pt").pixel_values
        pixels = pixels.to(self.encoder.device, self.encoder.dtype)
        if not isinstance(self.projection, ImageProjection):
            states = self.encoder(pixels, output_hidden_states=True).hidden_states[-2]
        elif picture is None:
            states = torch.zeros(1, self.encoder.config.projection_dim, device=pixels.device, dtype=pixels.dtype)
        else:
            states = self.encoder(pixels).image_embeds
        made: torch.Tensor = self.projection(states)
        return made.reshape(-1, made.shape[-1])


class ImageAdapters(AdapterCache[ImageAdapter]):
    """Those that the catalogue has for `pipeline`, whose UNet heeds them from now on."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        device: torch.device,
        catalog: Callable[[], Catalog],
        running: Running,
        guides: MutableMapping[int, Guide],
        *,
        local_only: bool,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        super().__init__(catalog, max_bytes, local_only=local_only)
        self._pipeline = pipeline
        self._device = device
        self._running = running
        self._guides = guides
        self._encoders: WeakValueDictionary[Path, Any] = WeakValueDictionary()

    def tokens(self, adapter: ImageAdapter, picture: Image.Image | None) -> Tokens:
        """What rows may ask for: `picture` as `adapter` sees it. Hold it for as long as the request runs."""
        made = Tokens(next(NUMBERS), adapter.tokens(picture), adapter.layers)
        self._guides[made.number] = made
        return made

    def find(self, row: AdapterRow) -> Path:
        file = super().find(row)
        self._encoder_folder(row, file)  # which is not there now, and may be later
        return file

    def read(self, row: AdapterRow, file: Path) -> ImageAdapter:
        unet = getattr(self._pipeline, "unet", None)
        if unet is None or not hasattr(self._pipeline, "load_ip_adapter"):
            raise CheckpointError(
                f"the IP-Adapter '{row.id}' guides models with a UNet, and {type(self._pipeline).__name__} has none"
            )
        if unet.config.in_channels not in (4, 9):  # those that are edited by words have three rows a picture
            raise CheckpointError(f"{type(self._pipeline).__name__} takes no IP-Adapter")
        read = read_file(row, file, self._pipeline)
        encoder = self._encoder(row, file)
        for module in (read.projection, *(part for layer in read.layers.values() for part in layer)):
            module.requires_grad_(False).eval().to(device=self._device, dtype=unet.dtype)
        for path in read.layers:
            cover_attention(unet.get_submodule(path), f"unet.{path}", self._running)
        modules = [encoder, read.projection, *(part for layer in read.layers.values() for part in layer)]
        made = replace(
            read,
            encoder=encoder,
            layers={f"unet.{path}": layer for path, layer in read.layers.items()},
            size_bytes=sum(weight.nbytes for module in modules for weight in module.parameters()),
        )
        try:
            made.tokens(None)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise CheckpointError(
                f"the IP-Adapter '{row.id}' does not go with its image encoder: name the one that it was made with in "
                "the row (image_encoder)"
            ) from error
        return made

    def _encoder_folder(self, row: AdapterRow, file: Path) -> Path:
        beside = [each / "image_encoder" for each in (file.parent, file.parent.parent)]
        folder = next((each for each in beside if each.is_dir()), None)
        if row.image_encoder is not None:
            folder = place_of(row.image_encoder, self._catalog().local_path, local_only=self._local_only)
        if folder is None:
            raise CheckpointError(
                f"the IP-Adapter '{row.id}' needs an image encoder: name its folder in the row (image_encoder)"
            )
        return folder

    def _encoder(self, row: AdapterRow, file: Path) -> Any:  # noqa: ANN401 - of transformers
        folder = self._encoder_folder(row, file)
        if (known := self._encoders.get(folder)) is None:
            check_weights(folder)
            stock: Any = CLIPVisionModelWithProjection
            dtype = self._pipeline.unet.dtype
            known = stock.from_pretrained(folder, dtype=dtype, use_safetensors=True, local_files_only=True)
            known = known.requires_grad_(False).eval().to(self._device)
            self._encoders[folder] = known
        return known


def read_file(row: AdapterRow, file: Path, pipeline: Any) -> ImageAdapter:  # noqa: ANN401
    """What stock diffusers makes of `file` for models as that of `pipeline`. Raises CheckpointError."""
    if not is_safetensors(file):
        raise CheckpointError(f"the IP-Adapter '{row.id}' is not safetensors, whatever its name says")
    parts: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for key, tensor in load_file(file).items():
        part, _, inner = key.partition(".")
        parts.setdefault(part, {})[inner] = tensor
    if not parts["image_proj"] or not parts["ip_adapter"]:
        raise CheckpointError(f"'{row.id}' is no IP-Adapter: it has no image_proj and ip_adapter")
    if any("lora" in key for key in parts["ip_adapter"]):
        raise CheckpointError(f"the IP-Adapter '{row.id}' wants embeddings of faces (FaceID): none are made here")
    empty = emptied(pipeline)
    try:
        empty.load_ip_adapter(parts, subfolder="", weight_name="", image_encoder_folder=None)
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointError(f"the IP-Adapter '{row.id}' was made for another kind of model") from error
    projection = empty.unet.encoder_hid_proj.image_projection_layers[0]
    if not isinstance(projection, READ):
        raise CheckpointError(f"the IP-Adapter '{row.id}' is of a kind that is not read ({type(projection).__name__})")
    layers = {
        name.removesuffix(".processor"): Projections(processor.to_k_ip[0], processor.to_v_ip[0])
        for name, processor in empty.unet.attn_processors.items()
        if hasattr(processor, "to_k_ip")
    }
    return ImageAdapter(row, None, projection, layers, 0)
