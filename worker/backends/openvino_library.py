"""OpenVINO, loaded when it is first needed, and without the package by which it reports its use to its makers.

Importing it is enough to have an event sent, unless the user of the account has said no to it beforehand
(`openvino/tools/ovc/__init__.py`); where that package is missing it goes on without a word.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any, Final, cast

TELEMETRY: Final = "openvino_telemetry"


def is_installed() -> bool:
    """Whether OpenVINO is."""
    return importlib.util.find_spec("openvino") is not None


def openvino() -> Any:  # noqa: ANN401 - the library has no types
    """The library. Raises ImportError where it is not installed."""
    sys.modules[TELEMETRY] = cast(ModuleType, None)  # which makes its import fail
    import openvino

    return openvino
