"""`python -m worker.inspection`: one question as JSON on standard input, its answer as JSON on standard output.

`{"do": "describe", "folder": …}` looks at a pipeline's folder, `{"do": "fetch", "repo": …}` brings one from the hub.
The answer is an object, or `{"error": {"message": …, "code": …}}` in words for a person. Progress bars and what
libraries print go to standard error.
"""

import sys

from worker.answering import answer_one

if __name__ == "__main__":
    sys.exit(answer_one("worker.inspection.questions"))
