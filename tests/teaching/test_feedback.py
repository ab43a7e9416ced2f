"""Pages of feedback: messages first, hidden tests hidden, and nothing of a hostile notebook runs or loads."""

import os
import re
import shutil
from html import unescape

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.notebooknode import NotebookNode
from traitlets.config import PyFileConfigLoader

from learngpt_teaching.feedback import LONGEST, NBGRADERS, FeedbackExporter, clean_html, markdown2html
from tests.support import ROOT
from tests.support.classroom import make_course, mark, nbgrader
from tests.support.pages import CHECK, HTML, LOST, PIXEL, Dangers, autograded


def write(course, student, notebook):
    path = course / "autograded" / student / "week1" / "1-bigram.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(notebook, version=4))
    mark(course, student, lost=[CHECK, LOST])


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("feedback") / "course")
    write(course, "harmless", autograded(harmless=True))
    write(course, "hostile", autograded())
    nbgrader(course, "generate_feedback", "week1")
    return course


def page(course, student):
    return (course / "feedback" / student / "week1" / "1-bigram.html").read_text()


def test_each_check_stands_at_the_top_with_its_points_and_message(course):
    top = page(course, "harmless").split("</table>")[0]
    assert "1-bigram: 7 of 15 points" in top
    rows = re.findall(r"<tr>(.*?)</tr>", top, re.S)[1:]
    assert len(rows) == 4
    assert "✓ 4 of 4" in rows[0] and "<pre></pre>" in rows[0]
    assert "✗ 0 of 4" in rows[1]
    assert "<pre>The samples follow &lt;argmax&gt;, not softmax.\nDid you forget to sample?</pre>" in rows[1]
    assert "TypeError: no" in rows[2]


def test_marks_pictures_and_folded_hints_are_still_to_be_seen(course):
    html = page(course, "harmless")
    assert re.search(
        r'<span style="background-color: ?#007a3d; ?color: ?white; ?font-weight: ?bold;?">✓ 4 points</span>', html
    )
    assert f"data:image/png;base64,{PIXEL}" in html
    assert 'alt="row 3 puts 61 %"' in html
    assert "<details>" in html and "<summary>" in html


def test_a_picture_that_nobody_described_says_so():
    pictures = (
        {"image/png": PIXEL},
        {"image/svg+xml": "<svg/>"},
        {"text/html": f'<img src="data:image/png;base64,{PIXEL}">'},
    )
    shown = [nbformat.v4.new_output("display_data", picture) for picture in pictures]
    shown.append(nbformat.v4.new_output("display_data", pictures[0], metadata={"image/png": {"alt": ""}}))
    shown.append(nbformat.v4.new_output("display_data", pictures[0], metadata={"image/png": {"alt": "one > two"}}))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=shown)])
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    about = NotebookNode(notebook="1-bigram", score=0, max_score=0, late_penalty=0)
    page, _ = FeedbackExporter(config=config).from_notebook_node(notebook, {"nbgrader": about})
    assert page.count("<img") == 5 and page.count('alt="A picture that nobody described."') == 4
    assert page.count('alt="one &gt; two"') == 1


def test_source_of_hidden_tests_is_kept_back_and_a_setting_shows_it(course):
    html = page(course, "harmless")
    text = unescape(re.sub("<[^>]*>", "", html))
    source = next(cell.source for cell in autograded(True).cells if LOST in str(cell.metadata))
    visible, hidden, _ = re.split(r"### \w+ HIDDEN TESTS\n", source)
    assert visible in text
    assert len(hidden.split("\n")) > 2
    assert [line for line in hidden.split("\n") if line and line in text.split("\n")] == []
    assert "Cell In[9], line 7" in html and "secret()" in html  # where it failed, and the learner's own line
    nbgrader(course, "generate_feedback", "week1", "--student=harmless", "--force", "--HideTests.enabled=False")
    assert "BEGIN HIDDEN TESTS" in page(course, "harmless")


def test_nothing_is_left_to_run_or_to_load(course):
    html = page(course, "hostile")
    assert all(Dangers(attack).found for attack in HTML if "position" not in attack)  # the test can fail
    assert Dangers(html).found == ["a href=index.html"]  # the page's own


def _is_valid(output):
    try:
        nbformat.validate(output, ref=output.output_type, version=4)
    except nbformat.ValidationError:
        return False
    return True


def test_formgrader_shows_the_same_cleaned_content(tmp_path):
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [str(NBGRADERS)]
    resources = {"nbgrader": {"notebook": "1-bigram"}, "base_url": "", "total": 1, "index": 0}
    notebook = autograded()
    code = notebook.cells[-4]
    code.update(execution_count=1, outputs=[output for output in code.outputs if _is_valid(output)])
    code.metadata.pop("tags")  # formgrader does not show a notebook with tags against the schema
    pages = []
    for name, content in (("hostile", notebook), ("harmless", autograded(harmless=True))):
        path = tmp_path / f"{name}.ipynb"
        path.write_text(nbformat.writes(content, version=4))
        html, _ = HTMLExporter(config=config).from_filename(str(path), resources)
        pages.append(html)
    assert "covers" in pages[0] and "✓ 4 points" in pages[0]
    assert Dangers(pages[0]).found == Dangers(pages[1]).found  # formgrader's own


def test_long_and_deep_html_costs_little_and_is_named():
    assert clean_html("<div>" * 20_000) != ""
    with pytest.raises(ValueError, match="too long to be shown"):
        clean_html("<b>" * LONGEST)
    assert "too many to be shown" in markdown2html({}, "\\begin{a}" * 8000)


@pytest.mark.slow
def test_in_a_browser_no_script_runs_and_nothing_is_requested(course):
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("there is no Chromium; the other tests look at the page's text")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        requests = []
        for guarded in (True, False):  # cleaning alone must do, too
            path = course / f"page-{guarded}.html"
            html = page(course, "hostile")
            path.write_text(html if guarded else html.replace("Content-Security-Policy", "nothing"))
            tab = browser.new_page()
            tab.on("request", lambda request: requests.append(request.url))
            tab.goto(path.as_uri())
            tab.wait_for_timeout(300)
            assert tab.get_attribute("html", "data-ran") is None
            assert tab.url == path.as_uri()
            assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
            assert tab.locator("h1").first.inner_text() == "1-bigram: 7 of 15 points"
            if os.environ.get("SCREENSHOT"):
                tab.screenshot(path=os.environ["SCREENSHOT"], full_page=True)
        browser.close()
