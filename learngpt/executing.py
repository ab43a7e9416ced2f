"""How nbgrader executes notebooks of this course: with every check in place, and without waiting for kernels."""

import os
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import Execute


class ExecuteAhead(Execute):
    """Starts the kernels of the next two notebooks of a submission while this one is still running.

    Importing PyTorch takes longer than the checks of a notebook; this way it happens on another core.
    """

    _ahead = []  # (folder, manager) of kernels that were started for the next notebooks of a submission

    def preprocess(self, nb, resources, km=None):
        folder = resources["metadata"]["path"]
        while self._ahead and self._ahead[0][0] != folder:  # of a submission that broke off
            run_sync(self._ahead.pop(0)[1].shutdown_kernel)(now=True)
        converter = self.parent.parent
        submission = [Path(notebook).stem for notebook in converter.notebooks]
        follow = len(submission) - 1 - submission.index(resources["nbgrader"]["notebook"])
        manager = self._ahead.pop(0)[1] if self._ahead else self._start(folder)
        while len(self._ahead) < min(follow, 2):
            self._ahead.append((folder, self._start(folder)))
        try:
            return super().preprocess(nb, resources, manager)
        finally:
            run_sync(manager.shutdown_kernel)(now=True)

    def _start(self, folder):
        manager = AsyncKernelManager(config=self.config)
        history = f"--HistoryManager.hist_file={self.ipython_hist_file}"
        options = [*self.extra_arguments, history, "--IPKernelApp.exec_lines=__import__('learngpt.checks')"]
        run_sync(manager.start_kernel)(cwd=folder, env=dict(os.environ), extra_arguments=options)
        return manager


def fill_gaps(release):
    """A hook for nbclient that puts a failing cell in the place of each graded cell that a notebook has lost.

    nbgrader passes over cells that aren't there: Validate says Success, and autograde waits for a mark by hand.

    Args:
        release: the folder of the released notebooks, which tell what cells there must be.
    """

    def on_notebook_start(notebook):
        have = {_grade_id(cell) for cell in notebook.cells} - {None}
        for path in sorted(Path(release).glob("*.ipynb")):
            cells = [cell for cell in nbformat.read(path, 4).cells if _grade_id(cell)]
            if have & {_grade_id(cell) for cell in cells}:  # it is this one
                lost = [cell for cell in cells if cell.metadata.nbgrader.grade and _grade_id(cell) not in have]
                notebook.cells += [_lost(cell, path) for cell in lost]

    return on_notebook_start


def _grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _lost(cell, path):
    said = (
        f"The check {_grade_id(cell)} is missing from this notebook. Copy its cell from a fresh "
        f"{path.name}: save yours under another name, and take the one that was handed out."
    )
    metadata = {"nbgrader": {key: value for key, value in cell.metadata.nbgrader.items() if key != "checksum"}}
    return new_code_cell(f"from learngpt import checks\n\nraise checks.CheckFailed({said!r})", metadata=metadata)
