"""The autograder for Gradescope: its zip is built, and its own script grades a submission."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from tests.support import RELEASE, ROOT, SOLVED

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def autograder(tmp_path_factory):
    """The folder that Gradescope would have at /autograder, after setup.sh."""
    folder = tmp_path_factory.mktemp("gradescope") / "autograder"
    folder.mkdir()
    archive = folder / "autograder.zip"
    command = [sys.executable, "-m", "learngpt_teaching.gradescope", "week1", "--to", str(archive)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Configure Autograder" in said
    with zipfile.ZipFile(archive) as opened:
        for name in ("setup.sh", "run_autograder"):
            assert opened.getinfo(name).external_attr >> 16 == 0o755
        assert not any("__pycache__" in name or name.startswith("tests") for name in opened.namelist())
        opened.extractall(folder / "source")
    # What setup.sh installs: an environment of its own that finds the course in source/.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (packages / "course.pth").write_text(f"{folder / 'source'}\n{sysconfig.get_path('purelib')}\n")
    return folder


def run(autograder, files):
    shutil.rmtree(autograder / "submission", ignore_errors=True)
    for name, path in files.items():
        target = autograder / "submission" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    environment = os.environ | {"AUTOGRADER": str(autograder)}
    environment.pop("PYTHONPATH", None)
    script = autograder / "source" / "run_autograder"
    done = subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((autograder / "results" / "results.json").read_text())


def test_its_script_grades_with_one_test_for_each_check(autograder):
    files = {
        "my work/1-bigram.ipynb": SOLVED / "1-bigram.ipynb",
        "my work/4-masking.ipynb": RELEASE / "4-masking.ipynb",
    }
    results = run(autograder, files)
    scores = {}
    for test in results["tests"]:
        notebook = test["name"].split(":")[0]
        score, possible = scores.get(notebook, (0, 0))
        scores[notebook] = score + test["score"], possible + test["max_score"]
        assert bool(test["output"]) == (test["score"] < test["max_score"])
    assert scores["1-bigram"] == (15, 15) and scores["4-masking"] == (0, 15)
    assert sum(possible for _, possible in scores.values()) == 100
    assert results["stdout_visibility"] == "hidden"


def test_nothing_to_grade_is_said_in_one_sentence(autograder):
    results = run(autograder, {"readme.txt": ROOT / "LICENSE"})
    assert results["score"] == 0 and results["output"].startswith("There is no notebook in what was handed in.")


def test_its_scripts_are_shell_that_bash_can_read(autograder):
    for name in ("setup.sh", "run_autograder"):
        subprocess.run(["bash", "-n", autograder / "source" / name], check=True)
