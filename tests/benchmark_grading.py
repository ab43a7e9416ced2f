"""How fast is grading? `.venv/bin/python -m tests.benchmark_grading`, in an hour when the machine does nothing else.

Makes submissions from the answers of tests/answers, some right, some wrong, and grades the same ones three times: by
plain `nbgrader autograde` (without bubblewrap, one notebook at a time; it too leaves out the cells that only
demonstrate), by `nbgrader autograde` with the course's configuration, and by `python -m learngpt_teaching.grade`.
Then, for one submission, it times what somebody waits for: `nbgrader autograde`, `make check`, and `make grade` with
marks to write and with nothing new. `--kept 500` writes the marks of so many submissions from kept results instead:
does each take as long as the one before, and no more memory?
"""

import argparse
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from tests.support import ROOT
from tests.support.answers import PLACES, answers, changed, grade_id

PLAIN = """
c = get_config()
c.Execute.skip_cells_with_tag = "demo"
c.Execute.timeout = 60
"""


def submissions(folder, count):
    """Write `count` submissions of six notebooks; every third answer is a wrong one."""
    right = {file: itertools.cycle([each for where, each in pairs("right") if where == file]) for file in PLACES}
    wrong = {file: itertools.cycle([each for where, each in pairs("wrong") if where == file]) for file in PLACES}
    turn = itertools.count()
    for number in range(count):
        target = folder / f"student{number:02}" / "week1"
        target.mkdir(parents=True)
        for path in sorted((ROOT / "source" / "week1").glob("*.ipynb")):
            notebook = nbformat.read(path, 4)
            for file, (name, cell_id, part) in PLACES.items():
                if name == path.stem:
                    [cell] = [cell for cell in notebook.cells if grade_id(cell) == cell_id]
                    cell.source = changed(cell.source, part, next(wrong[file] if next(turn) % 3 == 0 else right[file]))
            notebook.cells.insert(0, nbformat.v4.new_code_cell(f"# submission {number}"))
            nbformat.write(notebook, target / path.name)


def pairs(kind):
    for parameter in answers(kind):
        file, answer = parameter.values
        if "while True" not in answer.body:
            yield file, answer


def course(folder, submitted, config):
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "source", folder / "source")
    shutil.copytree(submitted, folder / "submitted")
    (folder / "nbgrader_config.py").write_text(config)
    if config == PLAIN:  # it has no other place to carry classes from
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    run(folder, "nbgrader", "generate_assignment", "week1")
    return folder


def run(folder, *command):
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return seconds


def compare_classes(folder, count):
    ours = (ROOT / "nbgrader_config.py").read_text()
    submissions(folder / "submitted", count)
    first = None
    for title, config, command in (
        ("nbgrader autograde, plain", PLAIN, ("nbgrader", "autograde", "week1")),
        ("nbgrader autograde, contained", ours, ("nbgrader", "autograde", "week1")),
        ("python -m learngpt_teaching.grade", ours, ("learngpt_teaching.grade", "week1")),
    ):
        seconds = run(course(folder / title.replace(" ", "-"), folder / "submitted", config), *command)
        first = first or seconds
        print(
            f"{title:33} {seconds:7.1f} s  {3600 * count / seconds:6,.0f} submissions an hour  "
            f"{first / seconds:4.1f} times as fast",
            flush=True,
        )


def time_one(folder):
    shutil.copytree(ROOT / "notebooks" / "week1", folder / "submitted" / "ada" / "week1")
    work = course(folder / "one", folder / "submitted", (ROOT / "nbgrader_config.py").read_text())
    for title, command in (
        ("nbgrader autograde, one submission", ("nbgrader", "autograde", "week1")),
        ("the same, from kept results", ("nbgrader", "autograde", "week1", "--force")),
        ("python -m learngpt_teaching.grade, from kept results", ("learngpt_teaching.grade", "week1")),
        ("python -m learngpt_teaching.grade, nothing new", ("learngpt_teaching.grade", "week1")),
        ("make check, all solved", ("learngpt_teaching.own_work", str(folder / "submitted" / "ada" / "week1"))),
    ):
        print(f"{title:53} {run(work, *command):5.1f} s", flush=True)


def time_kept(folder, count):
    for each in (count // 2, count):
        submitted = folder / f"submitted{each}"
        for number in range(each):
            shutil.copytree(ROOT / "notebooks" / "week1", submitted / f"student{number:04}" / "week1")
        work = course(folder / str(each), submitted, (ROOT / "nbgrader_config.py").read_text())
        run(work, "learngpt_teaching.grade", "week1", "--student", "student0000")
        seconds = run(work, "learngpt_teaching.grade", "week1")
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10  # KB on Linux
        print(f"{each} submissions from kept results: {seconds / each:.2f} s each, at most {largest} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--kept", type=int)
    asked = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as temporary:
        if asked.kept:
            time_kept(Path(temporary), asked.kept)
        else:
            time_one(Path(temporary) / "one")
            compare_classes(Path(temporary) / "class", asked.submissions)


if __name__ == "__main__":
    main()
