"""Pages of feedback that tell the points and the message of each check, and that run nothing of what a student wrote.

feedback/STUDENT/ASSIGNMENT has a page for each notebook, and index.html: all points, with what took or gave some.

A page is opened on the instructor's machine, and in JupyterLab it has JupyterLab's rights. So HTML that comes from a
submission, as an output or in a markdown cell, is cleaned by an allowlist (nh3), in the pages of feedback and in
formgrader alike; and a page of feedback has no script at all and tells the browser to load and run none.
"""

import re
from collections import Counter
from html import escape
from pathlib import Path

import jinja2
import nbformat
import nbgrader
import nh3
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests, GetGrades
from traitlets import List

from learngpt.evidence import UNWRITTEN, message_of
from learngpt.language import ENGLISH, known, say, speaking, spoken

TEMPLATES = Path(__file__).resolve().parent / "templates"
NBGRADERS = Path(nbgrader.__file__).resolve().parent / "server_extensions" / "formgrader" / "templates"

LONGEST = 100_000  # characters of HTML or markdown; cleaning takes longer than its length where tags are deeply nested
MOST_FORMULAS = 100  # LaTeX blocks of one cell; where one isn't closed, the rest is looked through for each

ATTRIBUTES = {
    "*": {"style", "class"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "details": {"open"},
    "ol": {"start"},
}
STYLES = {
    "background-color",
    "color",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "text-align",
    "text-decoration",
    "vertical-align",
    "white-space",
}
# Relative links have no target beside a page of feedback, and nbconvert's templates strip "files/" from their front,
# which turns "files/javascript:" into a script.
VALUES = {
    ("a", "href"): re.compile(r"(https?://|mailto:|#)", re.I),
    ("img", "src"): re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*$", re.I),
}
UNDESCRIBED = re.compile(r"<img\s(?![^>]*\balt=)")
CODE_CLASS = re.compile(r"highlight|hl-\w+|[a-z][a-z0-9]?")  # of highlighted code

AS_IT_IS = {"text/plain", "text/latex", "text/markdown"}  # which the templates escape, or `markdown2html` cleans
PICTURES = {"image/png", "image/jpeg", "image/svg+xml"}  # which the templates put into <img>, where no script runs


def clean_html(html):
    """The HTML of a submission without whatever runs, loads, covers or imitates something else on a page.

    Raises:
        ValueError: the HTML is longer than `LONGEST`.
    """
    if len(html) > LONGEST:
        raise ValueError(say("{count:,} characters of HTML are too long to be shown.", count=len(html)))
    return nh3.clean(
        html,
        clean_content_tags={"script", "style"},
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        filter_style_properties=STYLES,
        url_schemes={"http", "https", "mailto", "data"},
    )


def _attribute(tag, name, value):
    if name == "class":
        return " ".join(word for word in value.split() if CODE_CLASS.fullmatch(word))
    allowed = VALUES.get((tag, name))
    return value if allowed is None or allowed.match(value) else None


@pass_context
def markdown2html(context, source):
    """Markdown as cleaned HTML: nbconvert's filter of this name, which leaves HTML as it is, and then `clean_html`."""
    attachments = context.get("cell", {}).get("attachments", {})
    try:
        if len(source) > LONGEST:
            raise ValueError(say("{count:,} characters of text are too long to be shown.", count=len(source)))
        if (count := source.count("\\begin")) > MOST_FORMULAS:
            raise ValueError(say("{count:,} blocks of formulas are too many to be shown.", count=count))
        renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
        return clean_html(MarkdownWithMath(renderer=renderer).render(source))
    except Exception as error:  # whatever a submission makes the renderer do, its other cells are to be seen
        return f"<pre>{escape(str(error))}\n\n{escape(source[:LONGEST])}</pre>"


class CleanOutputs(Preprocessor):
    """Leaves of a notebook what can be shown without running it: for pages of feedback and for formgrader."""

    def preprocess(self, nb, resources):
        nb.metadata = NotebookNode(language_info={"name": "python"}, learngpt=verdict(nb))
        nb.cells = [self._cell(cell) for cell in nb.cells if cell.cell_type in ("code", "markdown")]
        return nb, resources

    def _cell(self, cell):
        marks = cell.metadata.get("nbgrader", {})
        # The templates write the grade id into the page as it is.
        known = re.fullmatch(r"[\w.-]+", str(marks.get("grade_id", "")))
        title = check_title(cell) if known else ""
        cell.metadata = NotebookNode(nbgrader=marks, learngpt={"title": title}) if known else NotebookNode()
        if cell.cell_type == "code":
            cell.execution_count = _whole(cell.get("execution_count"))
            cell.outputs = [clean for output in cell.outputs if (clean := self._output(output))]
        return cell

    def _output(self, output):
        kind = output.output_type
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return NotebookNode(output_type=kind, name=name, text=str(output.text))
        if kind == "error":
            lines = [str(line) for line in output.traceback]
            return NotebookNode(output_type=kind, ename=str(output.ename), evalue=str(output.evalue), traceback=lines)
        if kind not in ("display_data", "execute_result"):
            return None
        data, metadata = {}, {}
        for mime, value in output.data.items():
            if not isinstance(value, str):
                continue
            if mime in AS_IT_IS:
                data[mime] = value
            elif mime == "text/html" and len(value) > LONGEST:
                said = say("{count:,} characters of HTML are too long to be shown.", count=len(value))
                data.setdefault("text/plain", f"({said})")
            elif mime == "text/html":
                data[mime] = clean_html(value)
            elif mime in PICTURES:
                data[mime] = value
                metadata[mime] = _about_picture(output.metadata.get(mime, {}))
        clean = NotebookNode(output_type=kind, data=NotebookNode(data), metadata=NotebookNode(metadata))
        if kind == "execute_result":
            clean.execution_count = _whole(output.get("execution_count"))
        return clean


def _about_picture(metadata):
    """What the templates may write into <img>: they put no quotes around width and height."""
    about = {key: metadata[key] for key in ("width", "height") if _whole(metadata.get(key)) is not None}
    if isinstance(metadata.get("alt"), str):
        about["alt"] = metadata["alt"]
    return NotebookNode(about)


def _whole(value):
    return value if type(value) is int else None


class HideTests(ClearHiddenTests):
    """Keeps the source of hidden tests out of the feedback; `c.HideTests.enabled = False` lets students read it.

    nbgrader's own preprocessor stops at a delimiter that a student wrote; this one looks into the course's cells only.
    """

    display_data_priority = List().tag(config=True)  # nbconvert sets it for each step

    def preprocess_cell(self, cell, resources, cell_index):
        marks = cell.metadata.get("nbgrader", {})
        if not marks.get("grade") or marks.get("solution") or self.begin_test_delimeter not in cell.source:
            return cell, resources
        before = cell.source.split("\n")
        self._remove_hidden_test_region(cell)
        hidden = {line.strip() for line in before} - {line.strip() for line in cell.source.split("\n")}
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [_without(hidden, entry) for entry in output.traceback]
        return cell, resources


def _without(hidden, entry):
    """An entry of a traceback, or only its first line, which says where, if it quotes a hidden line."""
    lines = strip_ansi(entry).split("\n")
    return lines[0] if any(len(line) > 3 and line in quoted for line in hidden for quoted in lines) else entry


def verdict(notebook):
    """What became of an autograded notebook: {"verdict": ..., "reason": ...}, for the instructor; {} if nothing odd."""
    about = notebook.metadata.get("learngpt")
    if not isinstance(about, dict) or about.get("verdict", "graded") == "graded":
        return {}
    return {key: str(about.get(key, "")) for key in ("verdict", "reason")}


class ShowReason(Preprocessor):
    """Puts above a notebook in formgrader why it was set aside, can't be read or differs; students don't see it."""

    def preprocess(self, nb, resources):
        if about := verdict(nb):
            text = f"**This notebook is {escape(about['verdict'])}.**\n\n<pre>{escape(about['reason'])}</pre>"
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(text))
        return nb, resources


def language(notebook):
    """The language of an autograded notebook, which is that of its page."""
    about = notebook.metadata.get("learngpt")
    written = about.get("language") if isinstance(about, dict) else None
    return written if written in known() else ENGLISH


def check_title(cell):
    """What a graded cell is called: the sentence in its metadata, else its grade id."""
    about = cell.metadata.get("learngpt")
    title = about.get("title") if isinstance(about, dict) else None
    return title if isinstance(title, str) and title else str(cell.metadata.nbgrader.grade_id).replace("_", " ")


def check_message(cell):
    """What a graded cell of an autograded notebook said about the points that it lost."""
    return message_of(cell.get("outputs", [])) or say("It did not run to its end.")


def failed(cell):
    """Whether the check in a graded cell found something."""
    return any(output.output_type == "error" for output in cell.get("outputs", []))


def unwritten(cell):
    """Whether a graded cell found its TODO as it was handed out."""
    return any(output.get("ename") == UNWRITTEN for output in cell.get("outputs", []))


def words(cell, about):
    """What a student reads beside the points of a check, a person's points told from a check's.

    Args:
        cell: a graded cell of an autograded notebook, with its mark from `GetMarks`.
        about: what `verdict` says of the notebook.
    """
    mark = cell.metadata.nbgrader
    lost = mark.get("score") is None or mark.score < mark.points
    said = check_message(cell) if failed(cell) and about.get("verdict") != "set aside" else ""
    if mark.get("by_hand"):
        told = say("Your instructor gave these points.")
        if mark.get("waits"):
            told += " " + say("They are for what you handed in before, and are looked at again.")
        if lost and said:
            told += "\n" + say("The check said: {message}", message=said)
        return told
    if mark.get("waits"):
        return say("Your instructor looks at this and gives the points.")
    return check_message(cell) if lost else ""


def points(cell):
    """How the mark of a graded cell stands in a table: what it means, and its number."""
    mark = cell.metadata.nbgrader
    if mark.get("waits") and not mark.get("by_hand"):
        return "waits", say("… of {possible}", possible=number(mark.points))
    about = {"score": number(mark.score), "possible": number(mark.points)}
    if mark.score >= mark.points:
        return "full", say("✓ {score} of {possible}", **about)
    if unwritten(cell) and not mark.score:
        return "unwritten", say("○ {score} of {possible}", **about)
    return "lost", say("✗ {score} of {possible}", **about)


def number(value):
    """Points as a person writes them."""
    return f"{round(float(value or 0), 2):g}"


class GetMarks(GetGrades):
    """nbgrader's own, which also tells points that were given by hand, those that wait for it, and the sum of all."""

    def preprocess(self, nb, resources):
        nb, resources = super().preprocess(nb, resources)
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            submission = gradebook.find_submission(about["assignment"], about["student"])
            about["total"] = max(0, submission.score - (submission.late_submission_penalty or 0))
            about["total_max"], about["waits"] = submission.max_score, submission.needs_manual_grade
        return nb, resources

    def _get_score(self, cell, resources):
        super()._get_score(cell, resources)
        where = (self.notebook_id, self.assignment_id, self.student_id)
        grade = self.gradebook.find_grade(cell.metadata.nbgrader.grade_id, *where)
        cell.metadata.nbgrader["by_hand"] = grade.manual_score is not None
        cell.metadata.nbgrader["waits"] = bool(grade.needs_manual_grade)


def overview(gradebook, assignment, student, autograded):
    """What the first page of a student tells.

    Args:
        gradebook: an open Gradebook.
        autograded: the folder of the student's autograded notebooks.

    Returns:
        dict with the names of the template first.html.j2.
    """
    submission = gradebook.find_submission(assignment, student)
    notebooks = []
    for notebook in sorted(submission.notebooks, key=lambda each: each.name):
        path = Path(autograded) / f"{notebook.name}.ipynb"
        graded = nbformat.read(path, as_version=4) if path.is_file() else nbformat.v4.new_notebook()
        marks = {grade.name: grade for grade in notebook.grades}
        checks = []
        for cell in graded.cells:
            grade = marks.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if grade is None:
                continue
            cell.metadata.nbgrader.update(
                score=grade.score,
                points=grade.max_score,
                by_hand=grade.manual_score is not None,
                waits=bool(grade.needs_manual_grade),
            )
            with speaking(language(graded)):
                row = (*points(cell), check_title(cell), words(cell, verdict(graded)))
            checks.append(row)
        penalty = notebook.late_submission_penalty or 0
        notebooks.append(
            {
                "name": notebook.name,
                "score": number(max(0, notebook.score - penalty)),
                "possible": number(notebook.max_score),
                "penalty": number(penalty) if penalty else "",
                "checks": checks,
                "language": language(graded),
                "comments": [comment.comment for comment in notebook.comments if comment.comment],
            }
        )
    penalty = submission.late_submission_penalty or 0
    return {
        "student": student,
        "assignment": assignment,
        "score": number(max(0, submission.score - penalty)),
        "possible": number(submission.max_score),
        "penalty": number(penalty) if penalty else "",
        "waits": submission.needs_manual_grade,
        "notebooks": notebooks,
    }


def write_first_page(coursedir, assignment, student, folder):
    """Write index.html above a student's pages of feedback."""
    autograded = coursedir.format_path(coursedir.autograded_directory, student, assignment)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        about = overview(gradebook, assignment, student, autograded)
    languages = Counter(notebook["language"] for notebook in about["notebooks"])
    template = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True)
    template.globals |= {"say": say, "spoken": spoken}
    path = Path(folder) / "index.html"
    path.unlink(missing_ok=True)  # nbgrader copies files read-only, a student's index.html too
    with speaking(max(languages, key=languages.__getitem__, default=ENGLISH)):
        path.write_text(template.get_template("first.html.j2").render(about), encoding="utf-8")


class FeedbackExporter(HTMLExporter):
    """A page of feedback from an autograded notebook and its marks in the gradebook."""

    @property
    def default_config(self):
        config = super().default_config
        # nbgrader sets HTMLExporter's template; a setting of the class itself goes before that.
        config.FeedbackExporter.template_name = "learngpt_feedback"
        config.FeedbackExporter.extra_template_basedirs = [str(TEMPLATES), str(NBGRADERS)]
        config.FeedbackExporter.extra_template_paths = [str(NBGRADERS)]
        return config

    def from_notebook_node(self, nb, resources=None, **options):
        # HTMLExporter's own parses each page again, which takes longer than all the rest, for pictures without a
        # description and for another template's cells.
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer="python", parent=self))
        with speaking(language(nb)):
            page, resources = super(HTMLExporter, self).from_notebook_node(nb, resources, **options)
            alt = escape(say("A picture that nobody described."))
            return UNDESCRIBED.sub(lambda _: f'<img alt="{alt}" ', page), resources

    def _create_environment(self):
        environment = super()._create_environment()
        environment.globals |= {"say": say, "spoken": spoken}
        environment.bytecode_cache = jinja2.FileSystemBytecodeCache()  # else a second to compile nbgrader's templates
        return environment

    def default_filters(self):
        yield from super().default_filters()
        yield "check_title", check_title
        yield "words", words
        yield "points", points
        yield "number", number

    def from_filename(self, filename, resources=None, **options):
        made = super().from_filename(filename, resources, **options)
        converter = self.parent
        if converter and getattr(converter, "notebooks", None) and filename == converter.notebooks[-1]:
            about = resources["nbgrader"]
            folder = converter.coursedir.format_path(
                converter.coursedir.feedback_directory, about["student"], about["assignment"]
            )
            Path(folder).mkdir(parents=True, exist_ok=True)
            write_first_page(converter.coursedir, about["assignment"], about["student"], folder)
        return made
