"""Name the notebooks that were saved with outputs: those of source/ are kept without.

python .ci/without_outputs.py NOTEBOOK...
"""

import json
import sys
from pathlib import Path


def has_outputs(path):
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    return any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


if __name__ == "__main__":
    full = [path for path in sys.argv[1:] if has_outputs(path)]
    if full:
        sys.exit("Clear all outputs, save, and add again: " + ", ".join(full))
