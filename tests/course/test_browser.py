"""A learner and an instructor at work in JupyterLab, in Debian's Chromium. Screenshots lie in tests/output/."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None

from tests.support import ROOT
from tests.support.clone import make_clone

pytestmark = pytest.mark.slow

OUTPUT = ROOT / "tests" / "output"
SOLUTION = [
    "for _ in range(max_new_tokens):",
    "logits, _ = self(idx[:, -self.block_size:])",
    "probabilities = logits[:, -1, :].softmax(-1)",
    "idx = torch.cat((idx, torch.multinomial(probabilities, num_samples=1)), dim=1)",
    "return idx",
]
CHECKS = [f"checks.generate_{name}(" for name in ("appends", "samples", "crops", "writes_likelier_text")]
CHROMIUM = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
SLOW = 60_000  # ms that a busy machine may take for any one thing


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None or sync_playwright is None:
        missing = "Chromium: apt-get install chromium" if path is None else "Playwright: pip install playwright"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"This test needs {missing}")
    OUTPUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM.split(), "--no-first-run"])
        yield browser
        browser.close()


@contextlib.contextmanager
def running(command, folder, **environment):
    """A Jupyter server that is started by a command which leaves the port and the token to LAB_OPTIONS."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    options += ["--IdentityProvider.token=key"]
    private = {"HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "OMP_NUM_THREADS": "1"}
    environment = os.environ | private | {"LAB_OPTIONS": " ".join(options)}
    log = folder / "server.log"
    with log.open("w") as stream:
        command = [word for each in command for word in (options if each == "LAB_OPTIONS" else [each])]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    url = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + SLOW / 1000
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/api?token=key").close()
                break
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield url
    finally:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(f"{url}/api/shutdown?token=key", method="POST")).close()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:  # now and then a thread of the server's own doesn't end
            server.kill()
            server.wait()


@pytest.fixture
def page(browser, request):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(SLOW)
    yield page
    shot(page, f"{request.node.name}-end")  # where a test that failed stood
    context.close()


def shot(page, name):
    page.screenshot(path=OUTPUT / f"{name}.png")


def menu(page, name, entry):
    for place, words in (".lm-MenuBar-itemLabel", name), (".lm-Menu-itemLabel", entry):
        page.locator(place, has_text=re.compile(rf"^{re.escape(words)}$")).click()


class Notebook:
    """The notebook that is in front in JupyterLab."""

    def __init__(self, page, name):
        self.page = page
        page.locator(f".jp-DirListing-item:has-text('{name}')").dblclick()
        self.panel = page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden):has-text('{name[0]} · ')")
        self.panel.locator(".jp-Cell").first.wait_for()

    def cell(self, words):
        return self.panel.locator(".jp-CodeCell").filter(has=self.page.locator(".cm-content", has_text=words)).first

    def idle(self):
        expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=SLOW)

    def run_all(self, last):
        """Restart, run all cells, and wait until the cell with the words `last` was run."""
        prompt = self.cell(last).locator(".jp-InputPrompt")
        self.idle()
        menu(self.page, "Kernel", "Restart Kernel and Clear Outputs of All Cells…")
        self.page.locator(".jp-Dialog button:has-text('Restart')").last.click()
        expect(prompt).to_have_text("[ ]:", timeout=SLOW)
        menu(self.page, "Run", "Run All Cells")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=SLOW)

    def replace(self, cell, line, lines):
        """Type over one line of a cell; the editor indents what follows."""
        cell.locator(".cm-line", has_text=line).click()
        for key in ("Home", "Shift+End"):
            self.page.keyboard.press(key)
        for number, typed in enumerate(lines):
            if number:
                self.page.keyboard.press("Enter")
            if typed == "return idx":
                self.page.keyboard.press("Backspace")
            self.page.keyboard.type(typed)

    def output(self, words, name=None):
        """What stands below the cell with these words, and a picture of it."""
        self.idle()
        output = self.cell(words).locator(".jp-OutputArea-output").last
        output.scroll_into_view_if_needed()
        expect(output).to_be_in_viewport(timeout=SLOW)
        if name:
            shot(self.page, name)
        return output.inner_text().strip()

    def validate(self, name):
        """What the dialog of the button says."""
        self.panel.locator(".jp-ToolbarButtonComponent", has_text="Validate").click()
        dialog = self.page.locator(".jp-Dialog-content")
        dialog.wait_for()
        shot(self.page, name)
        said = dialog.inner_text()
        dialog.locator("button").last.click()
        return said


def test_a_learner_at_work(page, tmp_path):
    with running(["make", "lab"], make_clone(tmp_path)) as url:
        page.goto(f"{url}/?token=key")
        page.locator(".jp-MarkdownViewer h1:has-text('Welcome to learnGPT')").wait_for()
        shot(page, "1-welcome")
        first = Notebook(page, "1-bigram.ipynb")
        first.run_all("checks.generate_appends")
        assert "Not yet: this needs TODO 1" in first.output("checks.generate_appends", "2-not-done-yet")

        todo = first.cell("class GPTVer1(nn.Module)")
        first.replace(todo, "raise NotImplementedError()", SOLUTION)
        shot(page, "3-typed")
        first.run_all("length=300")
        passed = [first.output(check) for check in CHECKS]
        assert passed == ["✓ 4 points", "✓ 4 points", "✓ 4 points", "✓ 3 points"]
        first.output(CHECKS[-1], "4-checks-passed")
        last = first.cell(CHECKS[-1]).locator(".jp-OutputArea").inner_text()
        assert "Then go on with 2-averaging.ipynb." in last, "JupyterLab tells a kernel each cell's metadata"
        first.cell("where = playing.guess").locator("input[type=radio]").first.check()
        assert first.output("plots.losses", "4-guess") == "You guessed: ln V. It is: bigram."
        handles = page.locator(".noUi-handle")
        expect(handles.first).to_have_attribute("aria-label", "temperature", timeout=SLOW)
        first.output("plots.losses", "5-loss")
        picture = first.cell("plots.losses").locator("img")
        assert picture.evaluate("picture => picture.naturalWidth") > 300
        assert "Success! Your notebook passes all the tests." in first.validate("6-validated")

        first.replace(todo, SOLUTION[2], [SOLUTION[2].replace("-1, :", "0, :")])
        first.run_all("checks.generate_samples")
        explained = "Likely cause: the logits of the first position are used."
        assert explained in first.output("checks.generate_samples", "7-broken")
        assert explained in first.validate("8-validate-explains")

        second = Notebook(page, "2-averaging.ipynb")
        second.run_all("carry(")
        assert "GPTVer1: from 1-bigram.ipynb" in second.output("carry(", "9-carried")


@pytest.fixture
def course(tmp_path):
    """An instructor's course with one submission, in which one TODO of six is done."""
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    for folder in ("source", "lab"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    submission = tmp_path / "submitted" / "student" / "week1"
    submission.mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "week1" / "1-bigram.ipynb", submission)
    return tmp_path


def test_an_instructor_at_work(page, course):
    with running([sys.executable, "lab/formgrader.py", "LAB_OPTIONS"], course) as url:  # as `make formgrader` does
        page.goto(f"{url}/?token=key")
        formgrader = page.frame_locator("iframe")

        def say(words, name):
            """Wait for a dialog, take its picture when it has faded in, and close it."""
            dialog = formgrader.locator(".modal.in, .modal.show")
            expect(dialog).to_contain_text(words, timeout=SLOW)
            dialog.evaluate("dialog => Promise.all(dialog.getAnimations({subtree: true}).map(each => each.finished))")
            shot(page, name)
            dialog.locator("button", has_text="OK").click()
            expect(formgrader.locator(".modal-backdrop")).to_have_count(0)

        week1 = formgrader.locator("tr", has=formgrader.locator(".name a", has_text="week1"))
        week1.wait_for()
        shot(page, "instructor-0-formgrader")
        week1.locator(".assign a").click()
        say("Successfully created", "instructor-1-assignment")
        week1.locator(".num-submissions a").click()
        student = formgrader.locator("tr", has=formgrader.locator(".student-id", has_text="student"))
        student.locator(".autograde a").click()
        say("Successfully autograded", "instructor-2-autograded")
        expect(student.locator(".score")).to_have_text("15 / 100")
        shot(page, "instructor-3-points")
