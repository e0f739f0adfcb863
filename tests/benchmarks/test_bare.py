"""Counting the arithmetic of a module."""

from __future__ import annotations

import torch

from benchmarks.bare import flops_of


def test_products_convolutions_and_attention_are_counted() -> None:
    # Given a product, a convolution and attention on the CPU, whose fused kernel torch's counter does not know
    square = torch.ones(8, 8)
    layer = torch.nn.Conv2d(3, 5, kernel_size=3, padding=1, bias=False)
    picture, words = torch.ones(1, 3, 4, 4), torch.ones(1, 2, 6, 16)
    # Then each multiplication and addition counts
    assert flops_of(lambda: square @ square) == 2 * 8**3
    assert flops_of(lambda: layer(picture)) == 2 * 16 * 3 * 5 * 9
    attention = 2 * (2 * 6 * 6 * 16) * 2  # heads x tokens x tokens x width, for the scores and for the values
    assert flops_of(lambda: torch.nn.functional.scaled_dot_product_attention(words, words, words)) == attention
