"""Runs a group of parked calls as one forward and answers each fiber.

When memory runs out the group is halved and run again; a call alone gets the savers that help its stage, and when
none is left its request fails, alone. When a merged forward fails for another reason each call runs by itself, so
that only the request at fault fails. A lost device is no request's fault and ends the engine.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Sequence
from typing import Any

import torch

from core.jobs import Stage
from worker.engine.batch_size_tuner import BatchSizeTuner
from worker.engine.calls import Call
from worker.engine.fibers import Fiber
from worker.engine.memory_model import MemoryModel
from worker.engine.proofs import Proofs, merged
from worker.engine.stats import Stats
from worker.faults import is_device_lost, is_out_of_memory, no_memory
from worker.pipelines.memory import enable_attention_slicing, enable_vae_slicing, enable_vae_tiling
from worker.pipelines.pixels import is_picture, no_picture

logger = logging.getLogger(__name__)


class Forwards:
    """Runs groups of fibers, and tells the tuner and the memory model what their forwards took."""

    def __init__(
        self,
        tuner: BatchSizeTuner,
        stats: Stats | None = None,
        memory: MemoryModel | None = None,
        proofs: Proofs | None = None,
    ) -> None:
        self._proofs = proofs or Proofs()
        self._tuner = tuner
        self._stats = stats or Stats()
        self._memory = memory or MemoryModel()

    def run(self, group: Sequence[Fiber]) -> None:
        """Answer the parked call of every fiber of `group`; their keys must be equal."""
        for fiber, outcome in zip(group, self._outcomes(group), strict=True):
            if isinstance(outcome, Exception):
                fiber.fail(outcome)
            else:
                fiber.resume(outcome)

    def _outcomes(self, group: Sequence[Fiber]) -> list[Any]:
        """The output of each call, or the exception that it raises. Raises where the device is lost."""
        try:
            return self._timed(group)
        except Exception as raised:
            if is_device_lost(raised):
                raise
            # Without its traceback, which would keep the tensors of the failed forward alive.
            error = raised.with_traceback(None) if is_out_of_memory(raised) else raised
        if is_out_of_memory(error):
            return self._with_less_memory(group)
        if len(group) == 1:
            return [error]
        logger.warning("merged forward failed, running each call alone", exc_info=error)
        return [outcome for fiber in group for outcome in self._outcomes([fiber])]

    def _timed(self, group: Sequence[Fiber]) -> list[Any]:
        kind = group[0].kind
        calls = distinct_calls(group)
        waits = group[0].call.device_type != "cpu" and not self._tuner.is_settled(kind)
        self._memory.begin()
        if waits:  # else the time of forwards before this one would count
            torch.accelerator.synchronize()
        began = time.perf_counter()
        proves = self._proofs.proves(calls)
        answers = compute(group, calls, self._proofs)
        if waits:
            torch.accelerator.synchronize()
        took = time.perf_counter() - began
        rows = sum(call.rows for call in calls)
        if not proves:  # which runs some calls twice
            self._tuner.ran(kind, rows, took)
        self._memory.ran(group[0].call.function, rows * group[0].call.cells_per_row)
        self._stats.ran(group[0].drawing.request.model, group[0].stage, rows, took)
        return answers

    def _with_less_memory(self, group: Sequence[Fiber]) -> list[Any]:
        """The next rung of the ladder: half the group, then the savers, then failure."""
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if len(group) > 1:
            self._tuner.ran_out_of_memory(group[0].kind, sum(call.rows for call in distinct_calls(group)))
            self._stats.ladder["batch halved"] += 1
            for fiber in group:
                fiber.note(f"out of memory in {fiber.stage}: batch of {len(group)} halved")
            half = (len(group) + 1) // 2
            return [*self._outcomes(group[:half]), *self._outcomes(group[half:])]
        (fiber,) = group
        saver = switch_saver_on(fiber)
        self._stats.ladder[saver or "given up"] += 1
        if saver is None:
            return [no_memory()]
        fiber.note(f"out of memory in {fiber.stage}: {saver} switched on")
        logger.warning("memory saver switched on", extra={"saver": saver, "stage": str(fiber.stage)})
        return self._outcomes(group)


def distinct_calls(group: Sequence[Fiber]) -> list[Call]:
    """Those of the group's calls that have to be computed: prompts that are alike are encoded once."""
    return list({reuse_key(fiber.call): fiber.call for fiber in group}.values())


def compute(group: Sequence[Fiber], calls: Sequence[Call], proofs: Proofs) -> list[Any]:
    """One forward for `calls`, the distinct ones of the group, and its answer to each fiber."""
    rows = [call.rows for call in calls]
    # A compiled module is compiled again for every new number of rows: keep to powers of two.
    pad_to = 1 << (sum(rows) - 1).bit_length() if calls[0].fixed_rows else 0
    if len(calls) > 1:
        outputs = proofs.run(calls, pad_to)
    elif pad_to > rows[0]:
        outputs = merged(calls, pad_to)
    else:
        outputs = [calls[0].run()]
    by_key = {reuse_key(call): output for call, output in zip(calls, outputs, strict=True)}
    for fiber in group:
        if fiber.call.reuse_key is not None:
            fiber.prompts.put(fiber.call.reuse_key, by_key[fiber.call.reuse_key])
    answers = [by_key[reuse_key(fiber.call)] for fiber in group]
    if group[0].stage is Stage.DECODE:
        return [checked(fiber, answer) for fiber, answer in zip(group, answers, strict=True)]
    return answers


def reuse_key(call: Call) -> Any:  # noqa: ANN401 - hashable
    """Equal for calls that have one output; a call's own where it shares it with none."""
    return id(call) if call.reuse_key is None else call.reuse_key


def checked(fiber: Fiber, decoded: Any) -> Any:  # noqa: ANN401 - what the autoencoder returns
    """The decoded picture, decoded again in float32 if it is none; then JobFailure (`nan_output`) if it still is."""
    if is_picture(decoded):
        return decoded
    again = decode_in_float32(fiber.call)
    if again is None or not is_picture(again):
        return no_picture()
    fiber.note("decoded again in float32: half precision overflowed")
    return again


def decode_in_float32(call: Call) -> Any | None:  # noqa: ANN401
    """Run the autoencoder's call in float32 and put its weights back; None if it is in float32 already."""
    vae: Any = getattr(call.function, "__self__", None)
    if vae is None or vae.dtype == torch.float32:
        return None
    dtype = vae.dtype
    wider = {n: v.float() if isinstance(v, torch.Tensor) else v for n, v in call.arguments.items()}
    vae.to(dtype=torch.float32)
    try:
        return call.function(**wider)
    finally:
        vae.to(dtype=dtype)


def switch_saver_on(fiber: Fiber) -> str | None:
    """Switch on the next saver that helps the stage of `fiber`, for good, and name it; None if none is left."""
    if fiber.call.reuse_key is not None:
        return None  # a text encoder, which no saver helps
    if fiber.stage is Stage.TRANSFORM:
        return None
    if fiber.stage is Stage.DENOISE:
        return "attention slicing" if enable_attention_slicing(fiber.pipeline) else None
    if enable_vae_tiling(fiber.pipeline):
        return "VAE tiling"
    return "VAE slicing" if enable_vae_slicing(fiber.pipeline) else None
