"""Which calls may be merged, and that merging and splitting lose nothing."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKLOutput
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from transformers.modeling_outputs import BaseModelOutputWithPooling

from worker.engine.calls import DIGESTS, Call
from worker.engine.merging import merge, split


def echo(**arguments: Any) -> dict[str, Any]:
    return arguments


def a_call(rows: int = 2, **changes: Any) -> Call:
    arguments = {
        "sample": torch.randn(rows, 4, 8, 8),
        "timestep": torch.tensor(999),
        "encoder_hidden_states": torch.randn(rows, 16, 32),
        "added_cond_kwargs": {"time_ids": torch.randn(rows, 6)},
        "return_dict": False,
        **changes,
    }
    return Call(echo, arguments)


@pytest.mark.parametrize(
    ("changes", "mergeable"),
    [
        ({}, True),
        ({"rows": 1}, True),
        ({"timestep": torch.tensor(3.5)}, True),
        ({"timestep": torch.tensor([3, 4])}, True),
        ({"sample": torch.randn(2, 4, 8, 16)}, False),
        ({"sample": torch.randn(2, 4, 8, 8).half()}, False),
        ({"encoder_hidden_states": torch.randn(2, 24, 32)}, False),
        ({"return_dict": True}, False),
        ({"added_cond_kwargs": None}, False),
        ({"added_cond_kwargs": {"time_ids": torch.randn(2, 6), "image": torch.randn(2, 6)}}, False),
        ({"timestep_cond": torch.randn(2, 8)}, False),
    ],
)
def test_calls_merge_if_all_but_rows_and_steps_is_equal(changes: dict[str, Any], mergeable: bool) -> None:
    assert (a_call().key == a_call(**changes).key) is mergeable


def test_another_function_is_another_key() -> None:
    other = Call(lambda **arguments: arguments, a_call().arguments)
    assert a_call().key != other.key


def test_rows_are_concatenated_in_order_and_steps_become_one_a_row_in_one_dtype() -> None:
    one, two = a_call(1, timestep=torch.tensor(999)), a_call(2, timestep=torch.tensor(3.5))
    merged = merge([one, two])
    assert merged.rows == 3
    assert torch.equal(merged.arguments["sample"][1:], two.arguments["sample"])
    assert merged.arguments["timestep"].tolist() == [999.0, 3.5, 3.5]
    assert merged.arguments["timestep"].dtype == torch.float32
    assert merged.arguments["added_cond_kwargs"]["time_ids"].shape == (3, 6)
    assert merged.arguments["return_dict"] is False


def test_half_precision_steps_stay_as_they_are() -> None:
    calls = [a_call(timestep=torch.ones(2, dtype=torch.bfloat16)) for _ in range(2)]
    assert merge(calls).arguments["timestep"].dtype == torch.bfloat16


@pytest.mark.parametrize("tokens", [2, 16])
def test_position_grids_are_shared_if_equal_by_value(tokens: int) -> None:
    # Given grids whose length may equal the number of rows
    one, two, other = (a_call(img_ids=torch.full((tokens, 3), value)) for value in (1.0, 1.0, 2.0))
    assert one.key == two.key
    assert one.key != other.key
    assert merge([one, two]).arguments["img_ids"].shape == (tokens, 3)


def test_a_grid_that_changed_in_place_is_another_value() -> None:
    grid = torch.zeros(16, 3)
    before = a_call(img_ids=grid).key
    assert a_call(img_ids=grid).key == before
    grid += 1
    assert a_call(img_ids=grid).key != before


def test_hashes_are_forgotten_with_their_tensors() -> None:
    count = len(DIGESTS)
    grid = torch.zeros(16, 3)
    key = a_call(img_ids=grid).key
    assert len(DIGESTS) == count + 1
    del grid, key
    gc.collect()
    assert len(DIGESTS) == count


def test_calls_without_tensors_do_not_stop_anything() -> None:
    assert Call(echo, {"name": "x"}).rows == 0


@pytest.mark.parametrize(
    "output",
    [
        (torch.arange(3.0),),
        DecoderOutput(sample=torch.arange(3.0)),
        BaseModelOutputWithPooling(last_hidden_state=torch.arange(3.0), hidden_states=(torch.ones(3), torch.ones(3))),
        {"nested": [torch.arange(3.0), "kept"]},
    ],
)
def test_outputs_are_split_in_their_own_type(output: Any) -> None:
    first, second = split(output, [1, 2])
    assert type(first) is type(second) is type(output)
    tensor = next(iter(second.values() if hasattr(second, "values") else second))
    while not isinstance(tensor, torch.Tensor):
        tensor = tensor[0]
    assert tensor.tolist() == [1.0, 2.0]


def test_a_distribution_of_latents_is_split_by_its_parameters() -> None:
    parameters = torch.randn(3, 8, 2, 2)
    whole = AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(parameters))
    first, second = split(whole, [1, 2])
    assert torch.equal(second.latent_dist.mean, whole.latent_dist.mean[1:])
    assert torch.equal(first.latent_dist.std, whole.latent_dist.std[:1])


def test_a_table_without_rows_goes_to_everybody() -> None:
    first, second = split((torch.arange(3.0), torch.arange(7.0)), [1, 2])
    assert first[1].tolist() == second[1].tolist() == list(range(7))


def test_padding_repeats_the_first_row_and_is_cut_off_again() -> None:
    calls = [a_call(1, timestep=torch.tensor(7)), a_call(2, timestep=torch.tensor(9))]
    merged = merge(calls, pad_to=8)
    assert merged.rows == 8
    assert merged.arguments["timestep"].tolist() == [7.0, 9.0, 9.0, *[7.0] * 5]
    assert torch.equal(merged.arguments["sample"][7], calls[0].arguments["sample"][0])
    first, second = split((merged.arguments["sample"],), [1, 2], padded_to=8)
    assert torch.equal(first[0], calls[0].arguments["sample"])
    assert torch.equal(second[0], calls[1].arguments["sample"])


def test_what_nets_add_is_zeros_for_calls_without() -> None:
    # Given a call to which a net adds, one that says that nothing is added, and one that says nothing
    added = {
        "down_block_additional_residuals": (torch.randn(2, 8, 4, 4), torch.randn(2, 8, 2, 2)),
        "mid_block_additional_residual": torch.randn(2, 8, 2, 2),
    }
    calls = [a_call(), a_call(**added), a_call(rows=1, mid_block_additional_residual=None)]
    assert len({call.key for call in calls}) == 1
    assert [call.residual_form is None for call in calls] == [True, False, True]
    # When they are merged
    merged = merge(calls).arguments
    # Then the rows of the others get zeros
    first, second = merged["down_block_additional_residuals"]
    assert torch.equal(first[2:4], added["down_block_additional_residuals"][0])
    assert second.shape == (5, 8, 2, 2)
    for tensor in (first, second, merged["mid_block_additional_residual"]):
        assert not tensor[:2].any()
        assert not tensor[4:].any()


def test_nothing_is_added_where_no_call_has_what_is() -> None:
    merged = merge([a_call(), a_call(mid_block_additional_residual=None)])
    assert "mid_block_additional_residual" not in merged.arguments


def test_a_function_may_keep_what_is_added_apart() -> None:
    def apart(**arguments: Any) -> dict[str, Any]:
        return arguments

    apart.keeps_residuals_apart = True  # type: ignore[attr-defined]
    plain, added = a_call(), a_call(mid_block_additional_residual=torch.randn(2, 8, 2, 2))
    assert Call(apart, plain.arguments).key != Call(apart, added.arguments).key
