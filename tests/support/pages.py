"""Autograded notebooks, harmless and hostile ones, and what of a page of feedback could run or load something."""

import re
from html.parser import HTMLParser

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.support import ROOT

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
            green = '<span style="background-color: #007a3d; color: white; font-weight: bold">✓ 4 points</span>'
            cell.outputs = [new_output("execute_result", {"text/html": green, "text/plain": "4"})]
    picture = new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "row 3 puts 61 %"}})
    notebook.cells.append(new_code_cell("show()", outputs=[picture]))
    notebook.cells += [] if harmless else hostile()
    if not harmless:
        state = {"application/vnd.jupyter.widget-state+json": {"state": {"a": f"</script>{RUN}"}}}
        notebook.metadata.update(widgets=state, title=RUN, language_info={"name": RUN})
    return notebook


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
