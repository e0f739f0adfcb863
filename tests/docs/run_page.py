"""Runs the blocks of a page in their order, as a reader would: Python in one session, bash in the same folder.

Reads `[[line, language, text], …]` as JSON from standard input. Knows no Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

session: dict[str, Any] = {"__name__": "__main__"}
for line, language, text in json.load(sys.stdin):
    sys.stdout.write(f"--- line {line}\n")
    sys.stdout.flush()
    if language == "python":
        exec(compile("\n" * (line - 1) + text, "page", "exec"), session)  # noqa: S102 - our own documentation
    else:
        subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
