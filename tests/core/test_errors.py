"""The error tree: every error has what its answer needs."""

from __future__ import annotations

import pytest

from core import errors
from core.errors import EaselError, JobFailure

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EaselError)]


@pytest.mark.parametrize("kind", ALL)
def test_the_docstring_is_the_message_unless_one_is_given(kind: type[EaselError]) -> None:
    assert kind().message == (kind.__doc__ or "").strip().splitlines()[0]
    assert kind("another").message == "another"
    assert kind().code == kind.default_code
    assert kind(code="own").code == "own"
    assert str(kind("another")) == "another"


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not JobFailure])
def test_each_error_is_in_the_tree_that_the_module_draws(kind: type[EaselError]) -> None:
    assert errors.__doc__ is not None
    line = next((line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in f"{line} "), "")
    assert kind is EaselError or str(kind.status) in line
