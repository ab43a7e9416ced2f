"""Make .venv with what the course needs, at the versions of constraints.txt. It can always be run again.

python3 lab/install.py [--language=ko]
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the course isn't installed yet; what says its sentences needs nothing else

from learngpt.language import UnknownLanguage, chosen, mark, say, use

VENV = ROOT / ".venv"
READY = VENV / "ready"  # holds the folder that the environment was made in: it only works there
PIP = [VENV / ("Scripts" if os.name == "nt" else "bin") / "python", "-m", "pip", "--disable-pip-version-check"]
INSTALL = [*PIP, "install", "--constraint", "constraints.txt"]

FULL = "No space left on device"
TORCH = mark(
    "pip finds no PyTorch for Python {python} on this machine. Take another Python, 3.11 for example: "
    "make PYTHON=python3.11 lab"
)
# What pip says on stderr, and what it means.
CAUSES = {
    FULL: mark(
        "The disk is full: {free:.1f} GB are free in {root}, and {temporary:.1f} GB for temporary files. The course "
        "takes 2 GB, and with PyTorch's CUDA libraries on Linux up to 8 GB; the README says how to avoid those."
    ),
    "establish a new connection": mark("The package index can't be reached. Is this machine online?"),
    "name resolution": mark("The package index can't be reached. Is this machine online?"),
    "timed out": mark("The package index takes too long to answer."),
    "No matching distribution found for torch": TORCH,
    "(constraint) torch==": TORCH,
}


def main(options):
    with contextlib.suppress(UnknownLanguage):  # lab/start.py says so
        use(next((option.partition("=")[2] for option in options), chosen(ROOT / "work")))
    # A package that was installed by half looks whole to pip.
    broken = VENV.exists() and (READY.read_text() if READY.exists() else None) not in ("", str(ROOT))
    if broken:
        print(say("The environment in .venv is unfinished or was made in another folder. It is made anew."))
    print(say("Three steps, the first time 2 to 10 minutes, most of it downloading PyTorch."), flush=True)
    began = time.monotonic()
    _step(1, say("a Python environment in .venv"), [sys.executable, "-m", "venv", *["--clear"] * broken, VENV])
    READY.unlink(missing_ok=True)
    _step(2, "PyTorch", [*INSTALL, "torch"])
    _step(3, say("JupyterLab, nbgrader and the course"), [*INSTALL, "--editable", ".[teaching]"])
    # JupyterLab would begin with a question about news.
    news = ["-m", "jupyter", "labextension", "disable", "@jupyterlab/apputils-extension:announcements"]
    subprocess.run([PIP[0], *news], check=True, capture_output=True)
    READY.write_text(str(ROOT))
    print("\n" + say("Installed in {seconds:.0f} seconds.", seconds=time.monotonic() - began), flush=True)


def _step(number, what, command):
    print("\n" + say("[{number} of 3] {what}", number=number, what=what), flush=True)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace")
    said = ""
    for line in process.stderr:
        sys.stderr.write(line)
        said += line
    if process.wait():
        for sign, cause in CAUSES.items():
            if sign in said:
                _stop(cause)
        _stop(mark("The installation failed; the reason stands above."))


def _stop(cause):
    free, temporary = (shutil.disk_usage(folder).free / 1e9 for folder in (ROOT, tempfile.gettempdir()))
    python = ".".join(map(str, sys.version_info[:2]))
    said = say(cause, free=free, temporary=temporary, root=ROOT, python=python)
    again = say("Afterwards run the same command again. pip keeps what it has downloaded.")
    sys.exit(f"\n{said}\n{again}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        again = say("Interrupted. Run the same command again to go on; pip keeps what it has downloaded.")
        sys.exit(f"\n{again}")
    except OSError as error:
        _stop(CAUSES[FULL] if FULL in str(error) else str(error).replace("{", "{{").replace("}", "}}"))
