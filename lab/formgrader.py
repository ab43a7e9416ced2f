"""Open the instructor's JupyterLab on this folder, with formgrader in front.

python lab/formgrader.py [options of JupyterLab]
"""

import json
import sys
import tempfile

from jupyterlab_server.workspaces_handler import WorkspacesManager
from start import no_root, open_lab

SHOWN = "nbgrader-formgrader:nbgrader-formgrader"  # as nbgrader's extension asks JupyterLab to restore it
DOCK = {"type": "tab-area", "currentIndex": 0, "widgets": [SHOWN]}
LAYOUT = {
    "data": {"layout-restorer:data": {"main": {"dock": DOCK, "current": SHOWN}}, SHOWN: {"data": {}}},
    "metadata": {"id": "default"},
}


def main(options):
    no_root("formgrader", options)
    # A new workspace each time: which notebooks a learner had open is of no interest here.
    with tempfile.TemporaryDirectory() as workspaces:
        WorkspacesManager(workspaces).save("default", json.dumps(LAYOUT))
        open_lab(f"--LabApp.workspaces_dir={workspaces}", *options)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nStopped before JupyterLab was up.")
