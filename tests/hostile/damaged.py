"""Files that are broken, and cells that were moved, deleted, copied or re-labelled."""

import copy
import json

from tests.hostile import SOLVED, UNTOUCHED, by_id, code, insert, submission

PASS = "from learngpt.week1 import checks\nchecks.passed(1000)"


@submission("Locked checks are replaced by ones that always pass.", UNTOUCHED, 0)
def changed_checks(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = PASS


@submission("All checks are deleted.", SOLVED, 15)
def deleted_checks(notebook):
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]


@submission("Each cell of the course stands there twice.", SOLVED, 15)
def duplicated_cells(notebook):
    notebook["cells"] = [copy.deepcopy(cell) for cell in notebook["cells"] for _ in range(2)]


@submission("A second solution under the same id: the later one wins, as in their own kernel.", UNTOUCHED, 15)
def second_solution(notebook):
    solution = copy.deepcopy(by_id(notebook, "head_v3"))
    solution["source"] = RIGHT
    notebook["cells"].insert(notebook["cells"].index(by_id(notebook, "head_v3")) + 1, solution)


@submission("Checks are turned into markdown.", UNTOUCHED, 0)
def retyped_checks(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["cell_type"] = "markdown"


@submission("The solution is turned into a markdown cell.", SOLVED, 15)
def retyped_solution(notebook):
    by_id(notebook, "head_v3")["cell_type"] = "markdown"


@submission("All cells stand in the reverse order.", SOLVED, 15)
def reversed_order(notebook):
    notebook["cells"].reverse()


@submission("Every cell is tagged so that nbclient would skip it.", SOLVED, 15)
def tagged_to_be_skipped(notebook):
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["demo", "skip-execution", "raises-exception"]


@submission("A wrong solution with a tag that would skip the checks.", UNTOUCHED, 0)
def tagged_checks(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["metadata"]["tags"] = ["demo"]


@submission("Graded cells are invented.", UNTOUCHED, 0)
def invented_checks(notebook):
    marks = {"grade": True, "grade_id": "extra", "points": 100, "locked": True, "schema_version": 3, "solution": False}
    notebook["cells"].append(code("4", nbgrader=marks))


@submission("The points of a check are multiplied by ten.", SOLVED, 15)
def changed_points(notebook):
    by_id(notebook, "head_v3_needs_no_loop")["metadata"]["nbgrader"]["points"] = 30


@submission("The checks are said to be solutions, and the solution a check.", SOLVED, 15)
def swapped_roles(notebook):
    for cell in notebook["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("grade") or marks.get("solution"):
            marks["grade"], marks["solution"] = marks["solution"], marks["grade"]


@submission("The notebook asks for another kernel, whose command deletes files.", SOLVED, 15)
def foreign_kernel(notebook):
    notebook["metadata"] = {"kernelspec": {"name": "../../x", "argv": ["rm", "-rf", "/"], "display_name": 1}}


@submission("The metadata of all cells is nonsense.", UNTOUCHED, 0)
def nonsense_metadata(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {"nbgrader": ["what", {"grade_id": 7}], "tags": 3}


@submission("The solution cell is deleted, its class stands in a cell of the student's own.", UNTOUCHED, 15)
def moved_solution(notebook):
    notebook["cells"].remove(by_id(notebook, "head_v3"))
    notebook["cells"].append(code(RIGHT))


@submission("The solution is deleted.", UNTOUCHED, 0, phrase="HeadVer3 is not defined")
def deleted_solution(notebook):
    notebook["cells"].remove(by_id(notebook, "head_v3"))


@submission("The solution calls a helper that stands in a cell of the student's own.", UNTOUCHED, 15)
def helper_of_their_own(notebook):
    insert(notebook, HELPER)
    by_id(notebook, "head_v3")["source"] = CALLS_HELPER


@submission("The solution calls a helper that stands in a cell of the course that only demonstrates.", UNTOUCHED, 15)
def helper_in_a_demonstration(notebook):
    demo = next(cell for cell in notebook["cells"] if "demo" in cell["metadata"].get("tags", []))
    demo["source"] += "\n" + HELPER
    by_id(notebook, "head_v3")["source"] = CALLS_HELPER


@submission("A cell of the student's own stops with an error; that costs nothing.", SOLVED, 15)
def error_of_their_own(notebook):
    insert(notebook, "1 / 0")


@submission("A byte-order mark.", SOLVED, 15, raw=True)
def byte_order_mark(content):
    return b"\xef\xbb\xbf" + content


@submission("UTF-16.", SOLVED, 15, raw=True)
def utf16(content):
    return content.decode().encode("utf-16")


@submission("A Korean comment in the encoding cp949.", SOLVED, 15, raw=True)
def cp949(content):
    return content.decode().replace("B, T, C = x.shape", "B, T, C = x.shape  # 모양").encode("cp949", "ignore")


@submission("nbformat 3.", SOLVED, 15, raw=True)
def nbformat3(content):
    cells = json.loads(content)["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    return json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()


@submission("nbformat 3 with a sheet that has no list of cells.", SOLVED, 0, phrase="HeadVer3 is not defined", raw=True)
def sheet_without_cells(content):
    return b'{"nbformat": 3, "worksheets": [{"cells": 3}, {}, {"cells": null}, 7]}'


@submission("UTF-16 without a mark.", SOLVED, 15, raw=True)
def utf16_without_mark(content):
    return content.decode().encode("utf-16-le")


@submission("UTF-32.", SOLVED, 15, raw=True)
def utf32(content):
    return content.decode().encode("utf-32")


@submission("A cell of 8 MB of code, which the grader itself would parse.", SOLVED, 0, "unreadable", "characters")
def large_cell(notebook):
    insert(notebook, "x = 1\n" * 1_300_000)


@submission("A version of nbformat that doesn't exist.", SOLVED, 15)
def nbformat99(notebook):
    notebook["nbformat"] = 99


@submission("Cells that are no cells, sources that are no text, and lone surrogates.", SOLVED, 15)
def odd_cells(notebook):
    notebook["cells"] += [None, 3, [], {}, {"cell_type": "code", "source": 5}, code("'\ud800 \x00'"), code(None)]


@submission("The file is empty.", SOLVED, 0, "unreadable", "The file is empty", raw=True)
def empty_file(content):
    return b""


@submission("The file was cut off.", SOLVED, 0, "unreadable", "isn't JSON", raw=True)
def cut_off(content):
    return content[:5000]


@submission("A list instead of a notebook.", SOLVED, 0, "unreadable", "no list of cells", raw=True)
def json_list(content):
    return b"[1, 2]"


@submission("JSON nested a hundred thousand deep.", SOLVED, 0, "unreadable", "isn't JSON", raw=True)
def deep_json(content):
    return b"[" * 100_000


@submission("A file of 30 MB.", SOLVED, 0, "unreadable", "bytes", raw=True)
def huge_file(content):
    return content + b" " * 30_000_000


@submission("A hundred thousand cells.", SOLVED, 0, "unreadable", "cells", raw=True)
def many_cells(content):
    return json.dumps({"cells": [code("1")] * 100_000}).encode()


HELPER = """def helper(x):
    T = x.shape[1]
    return torch.zeros(T, T).masked_fill(torch.ones(T, T).triu(1) == 1, float("-inf")).softmax(-1)"""
CALLS_HELPER = """class HeadVer3:
    def __call__(self, x):
        self.wei = helper(x)
        return self.wei @ x"""
RIGHT = f"{HELPER}\n{CALLS_HELPER}"


@submission("An empty code cell comes first, and another one last.", SOLVED, 15)
def blank_cells(notebook):
    notebook["cells"].insert(0, code(" \n"))
    notebook["cells"].append(code(""))
