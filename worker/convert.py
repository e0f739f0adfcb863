"""`python -m worker.convert MODEL FOLDER`: writes a row's model as a diffusers folder, so that it starts fast."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.catalog.catalog import Catalog, CatalogError
from core.errors import EaselError
from core.settings import Settings
from worker.pipelines.converting import convert
from worker.pipelines.devices import pick_device
from worker.pipelines.loading import dtype_of, quiet_libraries


def main(arguments: list[str] | None = None) -> int:
    """0 once the folder is written; 1, with the reason on standard error, if it is not."""
    parser = argparse.ArgumentParser(prog="python -m worker.convert", description=__doc__)
    parser.add_argument("model", help="the model's id or alias in the catalogue")
    parser.add_argument("folder", type=Path, help="the folder to write; it must not be there yet")
    told = parser.parse_args(arguments)
    settings = Settings()
    quiet_libraries()
    try:
        catalog = Catalog.load(settings.catalog)
        row = catalog.model(told.model)
        dtype = dtype_of(row, catalog.local_path, pick_device(), settings.dtype)
        folder = convert(row, catalog.local_path, told.folder, dtype, allow_downloads=settings.allow_downloads)
    except (EaselError, CatalogError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
