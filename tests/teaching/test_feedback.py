"""Pages of feedback: messages first, hidden tests hidden, and nothing of a hostile notebook runs or loads."""

import os
import re
import shutil
from html import unescape
from html.parser import HTMLParser

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from traitlets.config import PyFileConfigLoader

from learngpt_teaching.feedback import LONGEST, NBGRADERS, clean_html
from tests.support import ROOT
from tests.support.classroom import make_course, mark, nbgrader

CHECK = "generate_samples_from_softmax_of_last_logits"
LOST = "generate_never_shows_more_than_block_size"
SET = "document.documentElement.setAttribute('data-ran', 1)"
RUN = f'<script>{SET}</script><img src=x onerror="{SET}"><svg onload="{SET}"></svg>'
OUTSIDE = "http://outside.invalid"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

HTML = [
    RUN,
    f"<iframe srcdoc='{RUN}'></iframe><object data='{OUTSIDE}/o'></object><embed src='{OUTSIDE}/e'>",
    f"<style>@import '{OUTSIDE}/style'; body {{ display: none }}</style><link rel=stylesheet href='{OUTSIDE}/link'>",
    f"<img src='{OUTSIDE}/img'><video src='{OUTSIDE}/v' autoplay></video><img srcset='{OUTSIDE}/set 1x'>",
    f"<p style='background-image: url({OUTSIDE}/css); position: fixed; inset: 0'>covers</p>",
    f"<meta http-equiv=refresh content='0;url={OUTSIDE}/meta'><base href='{OUTSIDE}/'>",
    f"<form action='{OUTSIDE}/form'><button autofocus onfocus=\"{SET}\">b</button></form>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={SET}&gt;'>",
    f"<a href='javascript:{SET}'>a</a><a href='files/javascript:{SET}'>b</a><a href='data:text/html,{RUN}'>c</a>",
    "</pre></div></td></table></main></body></html>" + RUN,
]


def hostile():
    """Cells that try, each in its own way, to run a script or to load something in the page they are shown in."""

    def shows(data, **metadata):
        return NotebookNode(output_type="display_data", data=NotebookNode(data), metadata=NotebookNode(metadata))

    outputs = [shows({"text/html": html}) for html in HTML]
    outputs += [
        shows({"text/html": RUN}, **{"text/html": {"isolated": True}}),
        shows({"application/javascript": SET, "text/plain": "js"}),
        shows({"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{RUN}<image href='{OUTSIDE}/svg'/></svg>"}),
        shows({"image/png": PIXEL}, **{"image/png": {"width": f"1 onload={SET}", "alt": f'"><script>{SET}</script>'}}),
        shows({"image/png": f'x" onerror="{SET}'}),
        shows({"text/markdown": f"{RUN}\n\n[m](javascript:{SET}) ![i]({OUTSIDE}/md)"}),
        shows({"text/latex": f"$\\href{{javascript:{SET}}}{{x}}$ {RUN}"}),
        shows({"text/vnd.mermaid": RUN, "text/plain": "mermaid"}),
        shows({"application/vnd.jupyter.widget-view+json": {"model_id": f"</script>{RUN}"}, "text/plain": "widget"}),
        shows({"text/html": {"not": "text"}, "text/plain": RUN}),
        new_output("stream", name="stderr", text=f"\x1b[31m{RUN}\x1b[0m\x1b]8;;{OUTSIDE}\x07link"),
        NotebookNode(output_type="stream", name=RUN, text=RUN),
        new_output("error", ename=RUN, evalue=RUN, traceback=[f"\x1b[1m{RUN}"]),
    ]
    code = new_code_cell(f"# {RUN}")
    code.update(outputs=outputs, execution_count=RUN)  # what nbformat itself would not write
    code.metadata.tags = [f'"><script>{SET}</script>']
    text = "\n\n".join([*HTML, f"![a](attachment:a.png) [r]: {OUTSIDE}", f"`{RUN}`", f"```html\n{RUN}\n```"])
    attached = new_markdown_cell(text)
    attached.attachments = {"a.png": {f'image/png" onerror="{SET}': PIXEL}}
    marks = {"nbgrader": {"grade_id": f'"><script>{SET}</script>', "solution": True, "grade": False}}
    own = new_code_cell("### BEGIN HIDDEN TESTS\nmine = 1", metadata=marks)
    raw = nbformat.v4.new_raw_cell(RUN, metadata={"raw_mimetype": "text/html"})
    return [code, attached, own, raw]


def autograded(harmless=False):
    """A notebook as autograde leaves it: one check failed as checks do, one with a traceback, and a picture."""
    notebook = nbformat.read(ROOT / "source" / "week1" / "1-bigram.ipynb", 4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id == CHECK:
            text = "The samples follow <argmax>, not softmax.\nDid you forget to sample?"
            lines = ["✗ The samples follow <argmax>, not softmax.", "  Did you forget to sample?"]
            cell.outputs = [new_output("error", ename="CheckFailed", evalue=text, traceback=lines)]
        elif grade_id == LOST:
            hidden = re.search(r"BEGIN HIDDEN TESTS\n(.*?\n)", cell.source).group(1)
            lines = [
                "TypeError  Traceback",
                f"Cell In[9], line 7\n{hidden}",
                "own.py in f\n  secret()",
                "TypeError: no",
            ]
            cell.outputs = [new_output("error", ename="TypeError", evalue="no", traceback=lines)]
        elif cell.metadata.get("nbgrader", {}).get("grade"):
            green = '<span style="color: #007a3d; font-weight: bold">✓ 4 points</span>'
            cell.outputs = [new_output("execute_result", {"text/html": green, "text/plain": "4"})]
    picture = new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "row 3 puts 61 %"}})
    notebook.cells.append(new_code_cell("show()", outputs=[picture]))
    notebook.cells += [] if harmless else hostile()
    if not harmless:
        state = {"application/vnd.jupyter.widget-state+json": {"state": {"a": f"</script>{RUN}"}}}
        notebook.metadata.update(widgets=state, title=RUN, language_info={"name": RUN})
    return notebook


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
    assert re.search(r'<span style="color: ?#007a3d; ?font-weight: ?bold;?">✓ 4 points</span>', html)
    assert f"data:image/png;base64,{PIXEL}" in html
    assert 'alt="row 3 puts 61 %"' in html
    assert "<details>" in html and "<summary>" in html


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


class Dangers(HTMLParser):
    """What of a page could run or load something."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag in {"script", "iframe", "object", "embed", "link", "base", "form", "video", "svg", "math", "button"}:
            self.found.append(tag)
        for name, value in attributes:
            address = name in {"href", "src", "srcset", "data", "action"} and not re.match(
                r"#|data:image/", value or ""
            )
            if name.startswith("on") or address or "url(" in (value or ""):
                self.found.append(f"{tag} {name}={value}")


def test_nothing_is_left_to_run_or_to_load(course):
    html = page(course, "hostile")
    assert all(Dangers(attack).found for attack in HTML if "position" not in attack)  # the test can fail
    assert Dangers(html).found == []


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
