"""The six notebooks run on another text, in another script, as well."""

import nbformat
import pytest

from tests.support import NAMES, SOLVED
from tests.support.notebooks import run

pytestmark = pytest.mark.slow

TEXTS = {"korean": 'load_text("yujeong.txt")', "string": 'Text("tea for two, " * 100)'}


@pytest.mark.parametrize(("which", "name"), [("string", NAMES[0]), *(("korean", name) for name in NAMES)])
def test_a_notebook_runs_on_another_text(tmp_path, which, name):
    notebook = nbformat.read(SOLVED / f"{name}.ipynb", 4)
    given = next(cell for cell in notebook.cells if cell.id.startswith("given-"))
    if "load_text" not in given.source:
        pytest.skip("it uses no text")
    given.source += f"\nfrom learngpt import Text\ntext = {TEXTS[which]}"
    for cell, outputs in run(notebook, tmp_path):
        for output in outputs:
            assert output.output_type != "error", (cell.id, output.evalue)
            assert output.get("name") != "stderr", (cell.id, output.text)
            assert "Not yet" not in output.get("text", "")
