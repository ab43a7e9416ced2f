"""Green means green: a check says so where it looked at another version than that on screen, or at borrowed names."""

import json
import os
import re
import shutil
import time

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from tests.support import NAMES, RELEASE, ROOT, SOLVED

pytestmark = pytest.mark.slow

HEAD = next(cell.source for cell in nbformat.read(SOLVED / "3-vectorizing.ipynb", 4).cells if cell.id == "head-v2")
GIVEN = "import torch\nfrom learngpt.week1 import checks"
CHECK = "checks.needs_no_loop(HeadVer2, small=(2, 4, 3), large=(9, 24, 3))\nchecks.passed(5)"
DEMO = {"tags": ["demo"]}


class Frontend:
    """Runs cells as JupyterLab does, which tells a kernel each cell's id and metadata."""

    def __init__(self, folder):
        for name in NAMES:
            shutil.copy(RELEASE / f"{name}.ipynb", folder)
        self.file = folder / "3-vectorizing.ipynb"
        start = {"JPY_SESSION_NAME": str(self.file), "PYTHONSTARTUP": str(ROOT / "lab" / "kernel.py")}
        environment = {key: value for key, value in os.environ.items() if key != "NBGRADER_EXECUTION"} | start
        self.manager, self.client = start_new_kernel(cwd=folder, env=environment)

    def run(self, source, cell_id="x", **metadata):
        """What a cell shows."""
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
        content |= {"user_expressions": {}, "stop_on_error": True}
        message = self.client.session.msg("execute_request", content, metadata=metadata | {"cellId": cell_id})
        self.client.shell_channel.send(message)
        shown = []
        while True:
            answer = self.client.get_iopub_msg(timeout=60)
            content = answer["content"]
            if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if answer["msg_type"] == "error":
                shown += content["traceback"]
            shown += [content.get("text", ""), content.get("data", {}).get("text/plain", "")]
            if content.get("execution_state") == "idle":
                return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(filter(None, shown))).strip()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    frontend = Frontend(tmp_path_factory.mktemp("work"))
    yield frontend
    frontend.client.stop_channels()
    frontend.manager.shutdown_kernel(now=True)


def test_a_fresh_kernel_tells_to_run_the_cells_above(kernel):
    said = kernel.run(CHECK)
    assert said.startswith("✗ HeadVer2 isn't there") or said.startswith("✗ checks isn't there")
    assert "Run > Run All Above Selected Cell" in said
    assert "Traceback" not in said
    kernel.run(GIVEN)
    assert "Does a cell above make recipes? Run > Run All Above" in kernel.run("recipes.shape")


def test_a_first_version_that_stops_is_named(kernel):
    kernel.run(GIVEN)
    kernel.run(HEAD.replace("        B, T, C", "\tB, T, C"), "head")
    assert "HeadVer2 is not defined: the cell under TODO 3 stopped with TabError" in kernel.run(CHECK)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (HEAD.replace("class HeadVer2:", "class HeadVer2"), "stopped with SyntaxError"),
        (HEAD.replace("        B, T, C", "\tB, T, C"), "stopped with TabError"),
        (HEAD.replace("class HeadVer2:", "class HeadVer2(Missing):"), "stopped with NameError"),
        (HEAD.replace("class HeadVer2:", "class HeadVer22:"), "no longer makes HeadVer2"),
    ],
)
def test_the_version_before_is_no_green_check(kernel, broken, why):
    kernel.run(GIVEN)
    kernel.run(HEAD, "head")
    assert kernel.run(CHECK) == "5"
    kernel.run(broken, "head")
    said = kernel.run(CHECK)
    assert said.startswith(f"△ The cell under TODO 3 {why}. What is checked is the version of HeadVer2 before it.")
    assert said.endswith("△ 5 points, but for the version before.")
    kernel.run(HEAD, "head")
    assert kernel.run(CHECK) == "5"


def test_a_class_that_was_changed_and_not_run_is_no_green_check(kernel):
    kernel.run(GIVEN)
    kernel.run(HEAD, "head-v2")
    notebook = nbformat.read(kernel.file, 4)
    for cell in notebook.cells:
        if cell.id == "head-v2":
            cell.source = HEAD
            nbformat.write(notebook, kernel.file)
            assert kernel.run(CHECK) == "5"
            cell.source = HEAD.replace("torch.tril", "torch.triu")
    time.sleep(0.01)
    nbformat.write(notebook, kernel.file)
    assert "△ The cell under TODO 3 was changed after it ran: run it again." in kernel.run(CHECK)


def test_a_failing_line_below_the_class_is_no_old_version(kernel):
    kernel.run(GIVEN)
    kernel.run(f"{HEAD}\n\nprint(1 / 0)", "head")
    assert kernel.run(CHECK) == "5"


def test_a_name_of_a_demonstration_fails_at_once_and_one_of_an_own_cell_does_not(kernel):
    kernel.run(GIVEN)
    kernel.run("ones = torch.ones(200, 200)", **DEMO)
    kernel.run(HEAD.replace("torch.ones(T, T)", "ones[:T, :T]"), "head")
    said = kernel.run(CHECK)
    assert re.match(r"✗ HeadVer2 uses ones from cell \[\d+\], which only demonstrates\.\n", said)
    kernel.run("ones = torch.ones(200, 200)")
    assert kernel.run(CHECK) == "5"


def test_lines_below_the_raise_are_seen(kernel):
    kernel.run(GIVEN)
    released = next(
        cell.source for cell in nbformat.read(RELEASE / "3-vectorizing.ipynb", 4).cells if cell.id == "head-v2"
    )
    kernel.run(released, "head")
    assert kernel.run(CHECK).endswith("Your code goes there in place of `raise NotImplementedError()`.")
    kernel.run(f"{released.rstrip()}\n        return x", "head")
    assert kernel.run(CHECK).endswith("As it is, the lines below the raise are never reached.")


def test_after_the_last_check_comes_what_is_next(kernel):
    checks = json.loads(kernel.file.read_text())["metadata"]["learngpt"]["checks"]
    kernel.run(GIVEN)
    kernel.run(HEAD, "head")
    said = [
        kernel.run(f"checks.passed({points})", nbgrader={"grade_id": grade_id}) for grade_id, points in checks.items()
    ]
    assert "Well done" not in "".join(said[:-1])
    assert said[-1].startswith("All checks of this notebook have passed, 10 points. Well done.")
    assert "Then go on with 4-masking.ipynb." in said[-1]


def test_a_syntax_error_shows_its_line_and_where_in_it(kernel):
    kernel.run(GIVEN)
    shown = kernel.run("class HeadVer2:\n    def __call__(self, x)\n        return x")
    assert re.fullmatch(r"Cell In\[\d+\], line 2\n +def __call__\(self, x\)\n +\^\nSyntaxError: expected ':'", shown), (
        shown
    )
    assert "----> 1 exec" in kernel.run('exec("1 +")')  # one that comes up while a cell runs
