"""Makes CLIP's tokenizer from the vocabulary that the package open_clip_torch ships, where that is installed.

The vocabulary is OpenAI's, under the MIT licence (https://github.com/openai/CLIP, clip/simple_tokenizer.py, whose order
of tokens this follows). All of Stable Diffusion's CLIP encoders and FLUX's use it. T5's is in no package.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

VOCABULARY: Final = "bpe_simple_vocab_16e6.txt.gz"
MERGES: Final = 49152 - 256 - 2
ENDS: Final = ("<|startoftext|>", "<|endoftext|>")


def clip_tokenizer(kind: Any, folder: Path) -> Any | None:  # noqa: ANN401 - a class of transformers
    """A tokenizer of class `kind` with CLIP's vocabulary and the settings in `folder`; None without the package."""
    package = find_spec("open_clip")
    for place in (package.submodule_search_locations or ()) if package else ():
        file = Path(place) / VOCABULARY
        if file.is_file():
            return _made(kind, folder, gzip.decompress(file.read_bytes()).decode("utf-8"))
    return None


def _made(kind: Any, folder: Path, text: str) -> Any:  # noqa: ANN401
    merges = text.split("\n")[1 : MERGES + 1]
    letters = byte_letters()
    words = [*letters, *(f"{each}</w>" for each in letters), *("".join(each.split()) for each in merges), *ENDS]
    settings: dict[str, Any] = {"model_max_length": 77, "bos_token": ENDS[0], "eos_token": ENDS[1]}
    settings |= {"unk_token": ENDS[1], "pad_token": ENDS[1]}
    if (told := folder / "tokenizer_config.json").is_file():
        settings |= json.loads(told.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as made:
        Path(made, "vocab.json").write_text(json.dumps({each: at for at, each in enumerate(words)}), encoding="utf-8")
        Path(made, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
        Path(made, "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        return kind.from_pretrained(made, local_files_only=True)


def byte_letters() -> list[str]:
    """A printable letter for each byte, the printable ones first, as in GPT-2's and CLIP's tokenizers."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return [*map(chr, plain), *(chr(256 + at) for at in range(len(others)))]
