"""`make lab` installs, brings what is missing, keeps what is there, and says what went wrong."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.support import ROOT
from tests.support.clone import make_clone

README = (ROOT / "README.md").read_text()


@pytest.fixture
def clone(tmp_path):
    """A clone whose JupyterLab only says how it was started."""
    clone = make_clone(tmp_path)
    fake = clone / "fake" / "jupyterlab"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake / "labapp.py").write_text("def main(options):\n    print('started:', *options)\n")
    user = "import os\nos.geteuid = lambda: int(os.environ['USER_ID'])\n"
    (clone / "fake" / "sitecustomize.py").write_text(user)
    return clone


def make(clone, *arguments, user=1000):
    fake = {"PYTHONPATH": str(clone / "fake"), "JUPYTER_RUNTIME_DIR": str(clone / "runtime"), "USER_ID": str(user)}
    return subprocess.run(["make", *arguments], cwd=clone, env=os.environ | fake, capture_output=True, text=True)


def lab(clone, *arguments):
    done = make(clone, "lab", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def notebooks(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.ipynb")}


def change_release(clone, name, old, new):
    path = clone / "release" / "week1" / name
    path.write_text(path.read_text().replace(old, new))


def test_lab_copies_the_notebooks_and_opens_the_welcome(clone):
    said = lab(clone, "LAB_OPTIONS=--no-browser")
    assert "/lab/tree/work/week1/welcome.md --no-browser" in said
    assert notebooks(clone / "work" / "week1") == notebooks(clone / "release" / "week1")


def test_the_notebooks_of_another_language_are_no_assignment(clone):
    shutil.copytree(clone / "release" / "week1", clone / "release" / "xx" / "week1")
    assert "Your notebooks are in work/week1." in lab(clone)
    assert sorted(path.name for path in (clone / "work").iterdir() if path.name[0] != ".") == ["week1"]


def test_the_welcome_has_the_table_of_the_readme_and_leads_to_each_notebook(clone):
    lab(clone)
    page = (clone / "work" / "week1" / "welcome.md").read_text()
    rows = re.findall(r"^\| \[(.*?)\]\((.*?)\) (\|.*)$", page, re.M)
    assert len(rows) == 6
    for name, link, row in rows:
        assert f"| {name} {row}" in README
        assert (clone / "work" / "week1" / link).is_file()
    assert "{" not in page


def test_the_table_says_what_the_notebooks_say():
    for name, points, minutes in re.findall(r"^\| (\d-\S+) \|.*\| (\d+) \| (\d+) min \|$", README, re.M):
        notebook = nbformat.read(ROOT / "source" / "week1" / f"{name}.ipynb", 4)
        graded = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
        assert sum(cell.points for cell in graded if cell.grade) == int(points)
        assert f"about {minutes} minutes" in notebook.cells[0].source


def test_lab_never_overwrites_work(clone):
    lab(clone)
    work = clone / "work" / "week1"
    (work / "1-bigram.ipynb").write_text("mine")
    (work / "2-averaging.ipynb").unlink()
    assert "default_url=/lab/tree/work/week1/welcome.md\n" in lab(clone)
    assert (work / "1-bigram.ipynb").read_text() == "mine"
    assert (work / "2-averaging.ipynb").exists()


def test_a_newer_release_is_told_and_shown_and_the_work_stays(clone):
    lab(clone)
    work, changes = clone / "work" / "week1", clone / "work" / "changes"
    mine = (work / "1-bigram.ipynb").read_text().replace("raise NotImplementedError()", "return idx")
    (work / "1-bigram.ipynb").write_text(mine)
    for name in ("1-bigram.ipynb", "2-averaging.ipynb"):
        change_release(clone, name, "**Afterwards you can say**", "**Afterwards you know**")
    said = lab(clone)
    assert "There is a newer 1-bigram. What changed: work/changes/1-bigram.md." in said
    assert "2-averaging" not in said  # nobody has touched it
    assert "know" in (work / "2-averaging.ipynb").read_text()
    assert (work / "1-bigram.ipynb").read_text() == mine
    shown = (changes / "1-bigram.md").read_text()
    assert "-**Afterwards you can say**" in shown and "+**Afterwards you know**" in shown
    assert "return idx" not in shown
    assert "[1-bigram](../changes/1-bigram.md)" in (work / "welcome.md").read_text()

    (work / "1-bigram.ipynb").rename(work / "mine.ipynb")
    assert "There is a newer" not in lab(clone)
    assert "know" in (work / "1-bigram.ipynb").read_text()
    assert not (changes / "1-bigram.md").exists()


def test_root_is_told_what_to_type(clone):
    done = make(clone, "lab", user=0)
    assert done.returncode != 0
    assert "make lab LAB_OPTIONS=--allow-root" in done.stderr
    assert "started:" in make(clone, "lab", "LAB_OPTIONS=--allow-root", user=0).stdout


def test_what_cannot_be_written_is_named(clone):
    (clone / "work").write_text("in the way")
    done = make(clone, "lab")
    assert done.returncode != 0
    assert "can't be written" in done.stderr and "run the same command again" in done.stderr


def without_environment(clone, *arguments):
    (clone / ".venv" / "ready").unlink()
    done = make(clone, *arguments, "lab")
    assert done.returncode != 0
    assert not (clone / ".venv" / "ready").exists()
    return done.stderr


def test_an_old_python_is_named(clone):
    old = clone / "old-python"
    pretend = "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'; exec(sys.argv[2])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$@"\n')
    old.chmod(0o755)
    assert "Python 3.11 or newer is needed; this is 3.9.2." in without_environment(clone, f"PYTHON={old}")


def test_a_missing_python_is_named(clone):
    assert "There is no python3.99 here." in without_environment(clone, "PYTHON=python3.99")


@pytest.mark.parametrize(
    "pip, cause",
    [
        ("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1", "The disk is full"),
        ("echo 'Failed to establish a new connection: refused' >&2; exit 1", "The package index can't be reached."),
        ("echo 'The user requested (constraint) torch==2.13.0' >&2; exit 1", "pip finds no PyTorch for Python"),
        ("kill -INT $PPID; exit 1", "Interrupted."),
    ],
)
def test_an_installation_that_fails_says_why_and_begins_again(clone, pip, cause):
    """The words are pip's own, from a full file system, a closed port and a Python without PyTorch."""
    python = clone / "python"  # makes an environment whose pip does that
    fake = clone / ".venv" / "bin" / "python"
    python.write_text(
        f"""#!/bin/sh
case "$*" in *venv*) echo made: "$@"; mkdir -p {fake.parent}
cat > {fake} <<'END'
#!/bin/sh
{pip}
END
chmod +x {fake};; *) exec {sys.executable} "$@";; esac
"""
    )
    python.chmod(0o755)
    script = (clone / "lab" / "install.py").read_text().replace("sys.executable", f"'{python}'")
    (clone / "lab" / "install.py").write_text(script)
    said = without_environment(clone, f"PYTHON={python}")
    assert cause in said
    assert "un the same command again" in said
    assert "--clear" in make(clone, f"PYTHON={python}", "lab").stdout
