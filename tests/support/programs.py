"""Programs, each in a fork of a process that has imported what all of them import.

To import nbgrader and PyTorch takes four seconds of computing; to fork a process that has them, none. A program runs as
`python -m` runs it, to the end of its interpreter, in a process of its own.
"""

import functools
import gc
import importlib
import json
import os
import random
import runpy
import subprocess
import sys
import tempfile

# Of the course only what knows no lesson: a test may change the rooms of an assignment before it starts a program.
IMPORTED = (
    "torch nbgrader.apps nbgrader.converters nbgrader.validator matplotlib.figure learngpt.plots "
    "learngpt_teaching.autograding learngpt_teaching.feedback learngpt_teaching.preprocessors learngpt_teaching.report"
)


def run(*arguments, cwd, packages=""):
    """What `python -m MODULE ARGUMENTS...` does in a folder, as subprocess.run gives it, with its output as text.

    Args:
        packages: the folder whose learngpt and learngpt_teaching are taken; those of these tests if left out.
    """
    parent = _parent(str(packages))
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("stdout", "stderr")]
        asked = [list(map(str, arguments)), str(cwd), paths, _environment(packages)]
        parent.stdin.write(json.dumps(asked) + "\n")
        parent.stdin.flush()
        code = int(parent.stdout.readline())
        said = []
        for path in paths:
            with open(path, encoding="utf-8") as file:
                said.append(file.read())
    return subprocess.CompletedProcess(arguments, code, *said)


def _environment(packages):
    return os.environ | ({"PYTHONPATH": str(packages)} if packages else {})


@functools.cache
def _parent(packages):
    """It ends when this process does, because its input ends then."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, __file__], env=_environment(packages), cwd="/", **pipes)


def serve():
    """Fork for each line that comes in, and answer with the exit code."""
    for name in IMPORTED.split():
        importlib.import_module(name)
    gc.freeze()  # so that a child's collector doesn't copy the pages of what is imported
    for line in sys.stdin:
        arguments, folder, paths, environment = json.loads(line)
        child = os.fork()
        if child:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        for number, path in enumerate([os.devnull, *paths]):
            opened = os.open(path, os.O_RDWR | os.O_CREAT)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  without what its buffer holds for the parent
        random.seed()
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.path[0] = folder
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return


if __name__ == "__main__":
    sys.path[0] = ""  # the modules beside this one are no packages
    serve()
