"""A low-rank change of a network's weights, as diffusers and PEFT keep it in a file.

LoRA: Hu et al. 2021 (arXiv:2106.09685). Trained merged: the weights W + BA are put into the network for a forward,
which then costs what it always did, whatever the rank.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.func import functional_call

FILE = "pytorch_lora_weights.safetensors"


class LowRank(nn.Module):
    """BA for every convolution and linear layer of `network`, zero at first: B [out, rank], A [rank, in x kernel]."""

    def __init__(self, network: nn.Module, rank: int) -> None:
        super().__init__()
        self.names = [n for n, part in network.named_modules() if isinstance(part, (nn.Conv2d, nn.Linear))]
        self.shapes = [network.get_submodule(name).weight.shape for name in self.names]
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for shape in self.shapes:
            rows, columns = shape[0], shape[1:].numel()
            least = min(rank, rows, columns)
            self.down.append(nn.Parameter(torch.randn(least, columns) / columns**0.5))
            self.up.append(nn.Parameter(torch.zeros(rows, least)))

    def weights(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """The weights of `network`, which stay as they are, with the change added."""
        changes = zip(self.names, self.shapes, self.up, self.down, strict=True)
        return {
            f"{name}.weight": network.get_submodule(name).weight + (up @ down).view(shape)
            for name, shape, up, down in changes
        }

    def of(self, network: nn.Module) -> Callable[..., torch.Tensor]:
        """The changed `network` as it is now: a function of its arguments that returns the first of its outputs."""
        weights = self.weights(network)
        return lambda *arguments: functional_call(network, weights, arguments, {"return_dict": False})[0]

    def save(self, folder: Path) -> None:
        """As `load_lora_weights` of diffusers takes it, in half precision; a convolution's A has the kernel."""
        states = {}
        for name, shape, up, down in zip(self.names, self.shapes, self.up, self.down, strict=True):
            states[f"unet.{name}.lora_A.weight"] = down.view(len(down), *shape[1:])
            states[f"unet.{name}.lora_B.weight"] = up.view(*up.shape, *[1] * (len(shape) - 2))
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: state.detach().half().contiguous() for name, state in states.items()}, folder / FILE)

    def load(self, folder: Path) -> None:
        """What `save` wrote."""
        states = load_file(folder / FILE)
        with torch.no_grad():
            for name, up, down in zip(self.names, self.up, self.down, strict=True):
                down.copy_(states[f"unet.{name}.lora_A.weight"].reshape(down.shape))
                up.copy_(states[f"unet.{name}.lora_B.weight"].reshape(up.shape))
