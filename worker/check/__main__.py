"""`python -m worker.check`: `{"model": …, "size": …, "save": …}` on standard input, what was found on standard output.

Settings, the catalogue among them, come from the environment, as a worker's do.
"""

import sys

from worker.answering import answer_one

if __name__ == "__main__":
    sys.exit(answer_one("worker.check.questions"))
