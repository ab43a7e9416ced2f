"""Put the notebooks of each assignment into work/, keep what is there, and open JupyterLab on the welcome page.

python lab/start.py [--language=ko] [options of JupyterLab]

English notebooks lie in work/ASSIGNMENT, those of another language in a folder in it that bears the language's name.
The language that was asked for last is the one that holds, here and in `make check`.
"""

import difflib
import json
import os
import re
import shutil
import sys
import webbrowser
from pathlib import Path

from learngpt.language import CHOICE, UnknownLanguage, chosen, known, say, speaking, spoken, subfolder, use
from learngpt_teaching.translating.spans import of_markdown, replaced

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "release"
WORK = ROOT / "work"
PRISTINE = ROOT / "work" / ".released"  # the release that each notebook of the learner's was made from
CHANGES = ROOT / "work" / "changes"
FILLED = ("news", "first", "work")  # in sentences of the welcome page
WORKSPACES = ROOT / "work" / ".jupyterlab"  # which notebooks were open


def speak(asked):
    """Speak the language that is asked for; where none is, the one that was asked for before."""
    try:
        use(asked or chosen(WORK))
    except UnknownLanguage as error:
        sys.exit(str(error))


def keep(asked):
    """Keep the language that is asked for; where none ever was, offer that of the system."""
    if asked:
        write(WORK / CHOICE, asked.encode())
    elif not (WORK / CHOICE).exists():
        system = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")[:2]
        if system in known() and system != spoken():
            with speaking(system):
                print(say("The course is there in this language too: make lab LANGUAGE={language}", language=system))


def bring():
    """Copy the released notebooks that are missing or that the learner never touched, in the language that is spoken.

    Returns:
        names of the notebooks that the learner works in and of which `release/` has a newer version. What changed is
        written to work/changes/.
    """
    newer, language = [], subfolder(spoken())
    for released in sorted((RELEASE / language).glob("*/*.ipynb")):
        where = Path(released.parent.name, language, released.name)
        mine, pristine, changes = WORK / where, PRISTINE / where, CHANGES / language / f"{released.stem}.md"
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
            "# " + say("What is new in {notebook}", notebook=name),
            "",
            say("Lines that went begin with −, new ones with +. Your own notebook is as you left it."),
            say(
                "To take the new one, rename yours, run `make lab` again, and copy your class from the one into the "
                "other."
            ),
            "",
            "`" * 8 + "diff",
            *diff,
            "`" * 8,
            "",
        ]
    )


def welcome(assignment, newer):
    """The welcome page of an assignment: of the table in the README its own rows, each notebook a link."""
    language = subfolder(spoken())
    names = sorted(path.stem for path in (RELEASE / language / assignment).glob("*.ipynb"))
    read_me = ROOT / (f"README.{language}.md" if language else "README.md")
    tables = re.findall(r"^\|.*?(?=\n\n|\Z)", read_me.read_text("utf-8"), re.S | re.M)
    head, line, *rows = next(table for table in tables if f"\n| {names[0]} |" in table).split("\n")
    rows = [re.sub(r"^\| ([\w-]+) \|", r"| [\1](\1.ipynb) |", row) for row in rows if row.split(" ")[1] in names]
    up = os.path.relpath(CHANGES / language, WORK / assignment / language)
    links = [f"[{name}]({up}/{name}.md)" for name in newer]
    news = "".join(
        "> " + say("There is a newer {notebook}: see what changed.", notebook=link) + "\n\n" for link in links
    )
    page = (ROOT / "lab" / "welcome.md").read_text("utf-8")
    page = replaced(page, of_markdown(page), lambda words: say(words, **{name: f"{{{name}}}" for name in FILLED}))
    work = Path("work", assignment, language)
    return page.format(news=news, ladder="\n".join([head, line, *rows]), work=work, first=names[0])


def main(options):
    said = [option for option in options if option.startswith("--language=")]
    options = [option for option in options if option not in said]
    asked = said[-1].partition("=")[2] if said else ""
    speak(asked)
    no_root(f"lab LANGUAGE={asked}" if asked else "lab", options)
    try:
        keep(asked)
        language = subfolder(spoken())
        assignments = sorted({path.parent.name for path in (RELEASE / language).glob("*/*.ipynb")})
        newer = bring()
        for assignment in assignments:
            write(WORK / assignment / language / "welcome.md", welcome(assignment, newer).encode())
        WORKSPACES.mkdir(exist_ok=True)
    except OSError as error:
        sys.exit(
            say(
                "{file} can't be written: {reason}.\n"
                "Your work is as it was. Make room or mend the cause, and run the same command again.",
                file=error.filename or WORK,
                reason=error.strerror,
            )
        )
    work = Path("work", assignments[-1], language)  # the latest one
    print(say("Your notebooks are in {folder}.", folder=work), flush=True)
    for name in newer:
        about = {"notebook": name, "file": Path("work/changes", language, f"{name}.md")}
        print(say("There is a newer {notebook}. What changed: {file}. Yours is as you left it.", **about))
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server["root_dir"]) == ROOT and not options:
            address = f"{server['url']}lab?token={server['token']}"
            print(say("It is running already: {address}", address=address))
            webbrowser.open(address)
            return
    shutil.rmtree(WORKSPACES, ignore_errors=True)  # else tabs come back whose kernels are empty
    open_lab(
        f"--ContentsManager.preferred_dir={ROOT / work}",
        f"--LabApp.app_settings_dir={ROOT / 'lab' / 'settings'}",
        f"--LabApp.workspaces_dir={WORKSPACES}",
        f"--LabApp.default_url=/lab/tree/{work}/welcome.md",
        *options,
    )


def no_root(target, options):
    """JupyterLab refuses root at its end, in the midst of other lines; this says first what to type."""
    allowed = any("allow-root" in option or "allow_root" in option for option in options)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and not allowed:
        sys.exit(
            say(
                "JupyterLab doesn't start for root, whose notebooks could change everything on this machine.\n"
                "Run `make {target}` as another user. If you do mean root: make {target} LAB_OPTIONS=--allow-root",
                target=target,
            )
        )


def open_lab(*options):
    """Start JupyterLab on this folder, and open it in the browser."""
    from jupyterlab.labapp import main as jupyterlab

    print(say("JupyterLab opens in your browser, or at the address that follows. To stop it, press Ctrl + C twice."))
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
        sys.exit("\n" + say("Stopped before JupyterLab was up."))
