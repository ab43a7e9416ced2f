"""Steps of nbgrader's that make release/ and notebooks/ what they are."""

import nbformat
from nbgrader.preprocessors import Execute, NbGraderPreprocessor

from learngpt_teaching.course import is_graded, marks


class NameChecks(NbGraderPreprocessor):
    """Writes into a notebook's metadata which checks it has, so that Validate sees when one is lost."""

    def preprocess(self, nb, resources):
        points = {marks(cell).grade_id: marks(cell).points for cell in nb.cells if is_graded(cell)}
        nb.metadata.setdefault("learngpt", {})["checks"] = points
        return nb, resources


class ExecuteAll(Execute):
    """For the published notebooks: the cells that only demonstrate run too.

    Outputs of a notebook whose code is unchanged are kept, measured times and all.
    """

    executed: dict[str, nbformat.NotebookNode] = {}  # notebooks as they were published before

    def preprocess(self, nb, resources, **options):
        before = self.executed.get(resources["nbgrader"]["notebook"])
        if before is None or _code(before) != _code(nb):
            nb, resources = super().preprocess(nb, resources, **options)
            nb.metadata.language_info = {"name": "python"}  # and not of which version
            for cell in nb.cells:
                _join_streams(cell.get("outputs", []))
            return nb, resources
        outputs = iter([cell for cell in before.cells if cell.cell_type == "code"])
        for cell in nb.cells:
            if cell.cell_type == "code":
                kept = next(outputs)
                cell.outputs, cell.execution_count = kept.outputs, kept.execution_count
        return nb, resources


def _join_streams(outputs):
    """Where a run happened to cut what a cell printed must not show in the file."""
    for number in reversed(range(1, len(outputs))):
        one, two = outputs[number - 1 : number + 1]
        if one.output_type == two.output_type == "stream" and one.name == two.name:
            one.text += outputs.pop(number).text


def _code(notebook):
    return [(cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells if cell.cell_type == "code"]
