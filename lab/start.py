"""Put the notebooks of each assignment into work/, keep what is there, and open JupyterLab on the welcome page.

python lab/start.py [options of JupyterLab]
"""

import difflib
import json
import os
import re
import sys
import webbrowser
from pathlib import Path

from learngpt.language import say
from learngpt_teaching.translating.spans import of_markdown, replaced

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "release"
WORK = ROOT / "work"
PRISTINE = ROOT / "work" / ".released"  # the release that each notebook of the learner's was made from
CHANGES = ROOT / "work" / "changes"
FILLED = ("news", "first", "work")  # in sentences of the welcome page
WORKSPACES = ROOT / "work" / ".jupyterlab"  # which notebooks were open


def bring():
    """Copy the released notebooks that are missing or that the learner never touched.

    Returns:
        names of the notebooks that the learner works in and of which `release/` has a newer version. What changed is
        written to work/changes/.
    """
    newer = []
    for released in sorted(RELEASE.glob("*/*.ipynb")):
        place = released.relative_to(RELEASE)
        mine, pristine, changes = WORK / place, PRISTINE / place, CHANGES / f"{released.stem}.md"
        content = released.read_bytes()
        if not pristine.exists() and mine.exists():
            write(pristine, content)
        if not mine.exists() or mine.read_bytes() == pristine.read_bytes() != content:
            write(pristine, content)
            write(mine, content)
        if pristine.read_bytes() == content:
            changes.unlink(missing_ok=True)
        else:
            newer.append(released.stem)
            write(changes, describe(released.stem, pristine.read_text("utf-8"), content.decode()).encode())
    return newer


def write(path, content):
    """Write all of a file or nothing, so that a full disk leaves no half notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_bytes(content)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def describe(name, old, new):
    """The change from one release of a notebook to the next, as a page to read."""

    def lines(notebook):
        for cell in json.loads(notebook)["cells"]:
            yield from [f"[{cell['cell_type']}]", *"".join(cell["source"]).split("\n"), ""]

    diff = list(difflib.unified_diff(list(lines(old)), list(lines(new)), n=3, lineterm=""))[2:]
    return "\n".join(
        [
            f"# What is new in {name}",
            "",
            "Lines that went begin with −, new ones with +. Your own notebook is as you left it.",
            "To take the new one, rename yours, run `make lab` again, and copy your class from the one into the other.",
            "",
            "`" * 8 + "diff",
            *diff,
            "`" * 8,
            "",
        ]
    )


def welcome(assignment, newer):
    """The welcome page of an assignment: of the table in the README its own rows, each notebook a link."""
    names = {path.stem for path in (RELEASE / assignment).glob("*.ipynb")}
    table = re.search(r"^\| notebook \|.*?(?=\n\n)", (ROOT / "README.md").read_text("utf-8"), re.S | re.M)[0]
    rows = table.split("\n")
    rows = rows[:2] + [
        re.sub(r"^\| ([\w-]+) \|", r"| [\1](\1.ipynb) |", row) for row in rows if row.split(" ")[1] in names
    ]
    news = "".join(f"> There is a newer [{name}](../changes/{name}.md): see what changed.\n\n" for name in newer)
    page = (ROOT / "lab" / "welcome.md").read_text("utf-8")
    page = replaced(page, of_markdown(page), lambda words: say(words, **{name: f"{{{name}}}" for name in FILLED}))
    return page.format(news=news, ladder="\n".join(rows), work=f"work/{assignment}", first=min(names))


def main(options):
    no_root("lab", options)
    assignments = sorted({path.parent.name for path in RELEASE.glob("*/*.ipynb")})
    try:
        newer = bring()
        for assignment in assignments:
            write(WORK / assignment / "welcome.md", welcome(assignment, newer).encode())
        WORKSPACES.mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(
            f"{error.filename or WORK} can't be written: {error.strerror}.\n"
            "Your work is as it was. Make room or mend the cause, and run the same command again."
        )
    work = f"work/{assignments[-1]}"  # the latest one
    print(f"Your notebooks are in {work}.", flush=True)
    for name in newer:
        print(f"There is a newer {name}. What changed: work/changes/{name}.md. Yours is as you left it.")
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server["root_dir"]) == ROOT and not options:
            print(f"It is running already: {server['url']}lab?token={server['token']}")
            webbrowser.open(f"{server['url']}lab?token={server['token']}")
            return
    open_lab(
        f"--ContentsManager.preferred_dir={ROOT / work}",
        f"--LabApp.app_settings_dir={ROOT / 'lab' / 'settings'}",
        f"--LabApp.workspaces_dir={WORKSPACES}",
        f"--LabApp.default_url=/lab/tree/{work}/welcome.md?reset",  # without tabs whose kernels are empty
        *options,
    )


def no_root(target, options):
    """JupyterLab refuses root at its end, in the midst of other lines; this says first what to type."""
    allowed = any("allow-root" in option or "allow_root" in option for option in options)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not allowed:
        sys.exit(
            "JupyterLab doesn't start for root, whose notebooks could change everything on this machine.\n"
            f"Run `make {target}` as another user. If you do mean root: make {target} LAB_OPTIONS=--allow-root"
        )


def open_lab(*options):
    """Start JupyterLab on this folder, and open it in the browser."""
    from jupyterlab.labapp import main as jupyterlab

    print("JupyterLab opens in your browser, or at the address that follows. To stop it, press Ctrl + C twice.")
    os.chdir(ROOT)  # where nbgrader_config.py is
    os.environ.setdefault("PYTHONSTARTUP", str(ROOT / "lab" / "kernel.py"))
    sys.stdout.flush()
    jupyterlab(
        [
            f"--ServerApp.root_dir={ROOT}",
            "--Application.log_level=ERROR",
            "--KernelManager.transport_encryption=auto",  # or each kernel warns that its connection is open
            # After a restart, server and browser of these versions may disagree about a newer protocol.
            "--ZMQChannelsWebsocketConnection.kernel_ws_protocol=",
            "--LabApp.news_url=None",
            *options,
        ]
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nStopped before JupyterLab was up.")
