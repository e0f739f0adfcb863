"""What makes the files of a medium is found by the medium's name."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from core.errors import JobFailure
from core.media import IMAGE, Format, Medium
from tests.worker.added_modules import AddModule
from tests.worker.engine.drawings import a_request
from worker import outputs
from worker.outputs import encoder_of, image

SOUND = Medium(name="sound", formats=(Format(name="wav", media_type="audio/wav", extension="wav"),))

ENCODE_SOUND = """
    from worker.outputs import Encoded

    def encode(result, request, seed, inputs):
        return Encoded(bytes(result), {"seconds": len(result) / 10})
"""


def test_images_are_made_by_the_file_of_that_name() -> None:
    found: Any = encoder_of(IMAGE)
    assert isinstance(found, ModuleType)
    assert found is image


def test_another_medium_needs_a_file_of_its_name_and_nothing_else(add_module: AddModule) -> None:
    add_module(outputs, "sound", ENCODE_SOUND)
    encoded = encoder_of(SOUND).encode([1, 2, 3], a_request().request, 1, {})
    assert (encoded.content, encoded.facts) == (b"\x01\x02\x03", {"seconds": 0.3})


def test_a_medium_that_this_worker_does_not_make_is_a_failure() -> None:
    with pytest.raises(JobFailure, match="no files of the medium sound") as failure:
        encoder_of(SOUND)
    assert failure.value.code == "output_not_supported"
