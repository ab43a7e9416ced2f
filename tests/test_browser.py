"""A learner and an instructor at work in JupyterLab, in Debian's Chromium. Screenshots lie in tests/output/."""

import contextlib
import json
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

from tests.conftest import ROOT
from tests.test_make import make_clone

OUTPUT = ROOT / "tests" / "output"
SOLUTION = [
    "for _ in range(max_new_tokens):",
    "logits, _ = self(idx[:, -self.block_size:])",
    "probabilities = logits[:, -1, :].softmax(-1)",
    "idx = torch.cat((idx, torch.multinomial(probabilities, num_samples=1)), dim=1)",
    "return idx",
]
CHROMIUM = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
SLOW = 60_000  # ms that a busy machine may take for any one thing


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None or sync_playwright is None:
        missing = "Chromium: apt-get install chromium" if path is None else "Playwright: make .venv/browser"
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
        server.wait(60)


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


class Notebook:
    """The notebook that is in front in JupyterLab."""

    def __init__(self, page, name):
        self.page = page
        page.locator(f".jp-DirListing-item:has-text('{name}')").dblclick()
        self.panel = page.locator(f".jp-NotebookPanel:not(.lm-mod-hidden):has-text('{name[0]} · ')")
        self.panel.locator(".jp-Cell").first.wait_for()

    def cell(self, words):
        return self.panel.locator(".jp-CodeCell").filter(has=self.page.locator(".cm-content", has_text=words)).first

    def menu(self, *entries):
        for level, entry in enumerate(entries):
            bar = ".lm-MenuBar-itemLabel" if level == 0 else ".lm-Menu-itemLabel"
            self.page.locator(bar, has_text=re.compile(rf"^{re.escape(entry)}$")).click()

    def run_all(self, last):
        """Restart, run all cells, and wait until the cell with the words `last` was run."""
        prompt = self.cell(last).locator(".jp-InputPrompt")
        self.panel.locator("[data-status=idle]").wait_for()
        self.menu("Kernel", "Restart Kernel and Clear Outputs of All Cells…")
        self.page.locator(".jp-Dialog button:has-text('Restart')").last.click()
        expect(prompt).to_have_text("[ ]:", timeout=SLOW)
        self.menu("Run", "Run All Cells")
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

    def validate(self):
        """What the dialog of the button says."""
        self.panel.locator("jp-button:has-text('Validate'), button:has-text('Validate')").first.click()
        dialog = self.page.locator(".jp-Dialog-content")
        dialog.wait_for()
        return dialog


def test_a_learner_at_work(page, tmp_path):
    with running(["make", "lab"], make_clone(tmp_path)) as url:
        page.goto(f"{url}/?token=key")
        page.locator(".jp-MarkdownViewer h1:has-text('Welcome to learnGPT')").wait_for()
        shot(page, "1-welcome")
        first = Notebook(page, "1-bigram.ipynb")
        first.run_all("checks.generate_appends")
        message = first.cell("checks.generate_appends").locator(".jp-OutputArea-output")
        message.scroll_into_view_if_needed()
        shot(page, "2-not-done-yet")
        assert "isn't written yet" in message.text_content()

        todo = first.cell("class GPTVer1(nn.Module)")
        first.replace(todo, "raise NotImplementedError()", SOLUTION)
        shot(page, "3-typed")
        first.run_all("length=300")
        for points in first.panel.locator("span:has-text('✓')").all():
            assert "points" in points.text_content()
        assert first.panel.locator("span:has-text('✓')").count() == 4
        first.cell("checks.generate_writes").scroll_into_view_if_needed()
        shot(page, "4-checks-passed")
        picture = first.cell("plots.losses").locator("img")
        picture.scroll_into_view_if_needed()
        assert picture.evaluate("picture => picture.naturalWidth") > 300
        shot(page, "5-loss")

        dialog = first.validate()
        shot(page, "6-validated")
        assert "Success" in dialog.text_content()
        page.keyboard.press("Escape")

        first.replace(todo, SOLUTION[2], [SOLUTION[2].replace("-1, :", "0, :")])
        first.run_all("checks.generate_samples")
        message = first.cell("checks.generate_samples").locator(".jp-OutputArea-output").last
        message.scroll_into_view_if_needed()
        shot(page, "7-broken")
        dialog = first.validate()
        shot(page, "8-validate-explains")
        print(dialog.text_content())
        page.keyboard.press("Escape")

        second = Notebook(page, "2-averaging.ipynb")
        second.run_all("carry(")
        carried = second.cell("carry(").locator(".jp-OutputArea-output")
        carried.first.scroll_into_view_if_needed()
        shot(page, "9-carried")
        assert "GPTVer1: from 1-bigram.ipynb" in carried.first.text_content()
