"""Marks as a table, and for Canvas and Moodle: their own files, exported from there, with the marks filled in.

nbgrader export
nbgrader export --exporter learngpt_teaching.marks.CanvasExporter --CanvasExporter.file=canvas.csv
nbgrader export --exporter learngpt_teaching.marks.MoodleExporter --MoodleExporter.file=moodle.csv

A mark of which some waits for a hand is nowhere. Into a platform's file only numbers are written, and into Moodle's the
comments that were given by hand. Names and ids stay as Canvas or Moodle wrote them, one that looks like a formula to a
spreadsheet too: changed, its row would no longer be found when the file goes back.
"""

import csv
import html
import io
import re
import zipfile
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.plugins import ExportPlugin
from traitlets import List, Unicode


class ExportError(Exception):
    """What doesn't match between the gradebook and the file."""


class TableExporter(ExportPlugin):
    """A row for each student and assignment, as nbgrader's own, but quoted, and without marks that aren't final."""

    COLUMNS = ("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email")
    COLUMNS += ("raw_score", "late_submission_penalty", "score", "max_score", "status")

    def export(self, gradebook):
        to = Path(self.to or "grades.csv")
        assignments = [one for one in gradebook.assignments if not self.assignment or one.name in self.assignment]
        wanted = set(map(str, self.student))
        waiting = []
        with to.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.COLUMNS)
            writer.writeheader()
            for assignment in assignments:
                submissions = {one.student_id: one for one in gradebook.assignment_submissions(assignment.name)}
                for student in sorted(gradebook.students, key=lambda student: student.id):
                    if wanted and student.id not in wanted:
                        continue
                    row = self._row(assignment, student, submissions.get(student.id))
                    writer.writerow(row)
                    if row["status"] == "waits":
                        waiting.append(f"{student.id} ({assignment.name})")
        print(f"{to} is written.")
        if waiting:
            print(f"Without a mark, because some of it waits to be graded by hand: {', '.join(waiting)}.")

    def _row(self, assignment, student, submission):
        row = {
            "assignment": assignment.name,
            "duedate": assignment.duedate or "",
            "student_id": student.id,
            "last_name": student.last_name or "",
            "first_name": student.first_name or "",
            "email": student.email or "",
            "max_score": _number(assignment.max_score),
            "status": "no submission",
        }
        if submission is None:
            return row
        row |= {"timestamp": submission.timestamp or "", "status": "waits"}
        if submission.needs_manual_grade:
            return row
        penalty = submission.late_submission_penalty or 0
        return row | {
            "raw_score": _number(submission.score),
            "late_submission_penalty": _number(penalty),
            "score": _number(_final(submission)),
            "status": "marked",
        }


def _final(submission):
    """The points of a submission, without what a late one loses."""
    return max(0.0, submission.score - (submission.late_submission_penalty or 0))


def _number(value):
    return f"{round(value, 2):.10g}"


class FillingExporter(ExportPlugin):
    """Fills one assignment's column of a file that the learning platform exported. Subclasses say how it looks."""

    file = Unicode("", help="The CSV file that the platform exported.").tag(config=True)
    platform = ""

    def export(self, gradebook):
        if len(self.assignment) > 1 or not (self.assignment or len(gradebook.assignments) == 1):
            raise SystemExit("Say which assignment: --assignment='[\"week1\"]'. The file has a column for each one.")
        name = self.assignment[0] if self.assignment else gradebook.assignments[0].name
        try:
            self._fill(gradebook, name)
        except (ExportError, OSError, MissingEntry, UnicodeDecodeError) as error:
            raise SystemExit(f"Nothing was exported: {error}") from None

    def _fill(self, gradebook, name):
        if not self.file:
            raise ExportError(
                f"say which file {self.platform} exported: --{type(self).__name__}.file=FILE. {self.how_to_get}"
            )
        to = Path(self.to or f"{self.platform.lower()}_{name}.csv")
        if to.resolve() == Path(self.file).resolve():
            raise ExportError(f"{to} is the file that {self.platform} exported. Say another one to write: --to FILE.")
        text = Path(self.file).read_bytes().decode("utf-8")
        mark, text = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
        separator = ";" if text.split("\n")[0].count(";") > text.split("\n")[0].count(",") else ","
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        if not rows:
            raise ExportError(f"{self.file} is empty.")
        assignment = gradebook.find_assignment(name)
        column, students = self.read(rows, assignment)
        self.begin(rows[0])
        said = self._write_marks(gradebook, name, rows, column, students)
        filled = io.StringIO(newline="")
        end = "\r\n" if "\r\n" in text else "\n"
        csv.writer(filled, delimiter=separator, lineterminator=end).writerows(rows)
        to.write_text(mark + filled.getvalue(), encoding="utf-8", newline="")
        number = said.pop("marked")
        print(f"{to} has {number} mark{'s' * (number != 1)}. Upload it to {self.platform}.")
        for what, who in said.items():
            if who:
                print(f"{what}, {len(who)}: {', '.join(sorted(who))}.")
        self.end()

    def begin(self, header):
        """What a platform takes besides numbers begins here."""

    def add(self, header, row, submission):
        """More for the row of a student who got a mark."""

    def end(self):
        """The last word, after the file is written."""

    def _write_marks(self, gradebook, name, rows, column, students):
        """Write each student's mark into their row, and tell who got none and why."""
        index = {}
        for row in students:
            for value in self.ids(rows[0], rows[row]):
                index.setdefault(value, set()).add(row)
        marked, no_row, by_hand, unmarked = {}, [], [], set(students)
        for submission in gradebook.assignment_submissions(name):
            student = submission.student
            if self.student and student.id not in map(str, self.student):
                continue
            row = self._row(student, index)
            unmarked.discard(row)
            if row is None:
                no_row.append(student.id)
            elif submission.needs_manual_grade:
                by_hand.append(student.id)
            elif row in marked:
                raise ExportError(f"{student.id} and {marked[row]} of the gradebook are in one row of {self.file}.")
            else:
                rows[row][column] = _number(_final(submission))
                marked[row] = student.id
                self.add(rows[0], rows[row], submission)
        if not marked:
            raise ExportError(f"no student of {self.file} has a mark. They are matched by {self.matched}.")
        return {
            "marked": len(marked),
            f"With a mark, but not in {self.platform}'s file": no_row,
            "Without a mark, because some of it waits to be graded by hand": by_hand,
            "Without a submission": [self.label(rows[0], rows[row]) for row in unmarked],
        }

    def _row(self, student, index):
        found = set().union(*(index.get(name, ()) for name in self.names(student)))
        if len(found) > 1:
            raise ExportError(f"{student.id} of the gradebook is in {len(found)} rows of {self.file}.")
        return found.pop() if found else None

    def _column(self, header, name):
        if header.count(name) != 1:
            raise ExportError(f"{self.file} has {header.count(name)} columns {name!r}; its columns are {header}.")
        return header.index(name)


class CanvasExporter(FillingExporter):
    """Fills the gradebook that Canvas exported; the column is the assignment's, "week1" or "week1 (4711)"."""

    platform = "Canvas"
    how_to_get = "In Canvas: Grades, Export, Export Entire Gradebook."
    matched = "SIS Login ID, SIS User ID or ID, with their id or lms_user_id here"
    column = Unicode("", help="The column to fill, if it isn't named like the assignment.").tag(config=True)

    def read(self, rows, assignment):
        header = rows[0]
        self._column(header, "ID")
        pattern = re.escape(self.column) if self.column else re.escape(assignment.name) + r"( \(\d+\))?"
        columns = [number for number, name in enumerate(header) if re.fullmatch(pattern, name)]
        if len(columns) != 1:
            raise ExportError(
                f"{self.file} has {len(columns)} columns for {self.column or assignment.name!r}. Make the assignment in"
                f" Canvas and export again, or say the column: --CanvasExporter.column=NAME. Its columns are {header}."
            )
        column = columns[0]
        students = []
        for number, row in enumerate(rows[1:], start=1):
            if not row or not any(row):
                continue
            row += [""] * (len(header) - len(row))
            if row[0].strip() == "Points Possible":
                _same_points(self, row[column], assignment)
            elif row[header.index("ID")].strip():
                students.append(number)
        return column, students

    def ids(self, header, row):
        wanted = ("ID", "SIS User ID", "SIS Login ID")
        return {value.strip() for name, value in zip(header, row) if name in wanted} - {""}

    def names(self, student):
        return {student.id, student.lms_user_id} - {None, ""}

    def label(self, header, row):
        return row[0]


class MoodleExporter(FillingExporter):
    """Fills the grading worksheet that Moodle exported. Its headings are in Moodle's language: set them here."""

    platform = "Moodle"
    how_to_get = "In Moodle: the assignment with offline grading worksheets, Download grading worksheet."
    matched = "the number of the Identifier, ID number or Email address, with their id, lms_user_id or email here"
    identifier = Unicode("Identifier", help="The heading of the participants' numbers.").tag(config=True)
    grade = Unicode("Grade", help="The heading of the column to fill.").tag(config=True)
    maximum = Unicode("Maximum Grade", help="The heading of the maximum.").tag(config=True)
    others = List(
        ["Email address", "ID number", "Username"], help="More headings of columns that tell who a student is."
    ).tag(config=True)
    name = Unicode("Full name", help="The heading of the students' names.").tag(config=True)
    comments = Unicode("Feedback comments", help="The heading of the column for comments.").tag(config=True)
    feedback = Unicode("", help="A zip file to write, of the pages of feedback; Moodle takes it as it is.").tag(
        config=True
    )

    def begin(self, header):
        self._pages, self._without_page, self._comments = [], [], 0
        self._has_comments = self.comments in header
        if self.feedback and self.name not in header:
            raise ExportError(f"{self.file} has no column {self.name!r}, and Moodle knows feedback by it.")

    def add(self, header, row, submission):
        cells = dict(zip(header, row))
        said = [
            f"{notebook.name}: {comment.manual_comment}"
            for notebook in sorted(submission.notebooks, key=lambda one: one.name)
            for comment in notebook.comments
            if comment.manual_comment
        ]
        if said:
            self._comments += 1
            if self._has_comments:
                # Moodle reads the cell as HTML.
                row[header.index(self.comments)] = "<br>".join(html.escape(one).replace("\n", "<br>") for one in said)
        if self.feedback:
            course = self.parent.coursedir
            folder = course.format_path(course.feedback_directory, submission.student.id, submission.assignment.name)
            pages = sorted(Path(folder).glob("*.html"))
            number = re.search(r"\d+$", cells[self.identifier].strip())
            if not pages or not number:
                self._without_page.append(submission.student.id)
                return
            # Moodle splits the name at "_": the student's, the participant's number, the kind of plugin, the plugin.
            name = re.sub(r'[_/\\:*?"<>|]', " ", cells[self.name])
            self._pages += [(f"{name}_{number[0]}_assignfeedback_file_/{page.name}", page) for page in pages]

    def end(self):
        if self._comments and not self._has_comments:
            print(
                f"{self._comments} with a comment, which are left out: the file has no column {self.comments!r}. Turn"
                " on Feedback comments in Moodle, or say its heading: --MoodleExporter.comments=NAME."
            )
        if self.feedback:
            with zipfile.ZipFile(self.feedback, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, page in self._pages:
                    archive.write(page, name)
            print(f"{self.feedback} has {len(self._pages)} pages. In Moodle: Upload multiple feedback files in a zip.")
            if self._without_page:
                print(
                    f"Without a page of feedback, {len(self._without_page)}: {', '.join(sorted(self._without_page))}."
                    " Run `nbgrader generate_feedback` first."
                )

    def read(self, rows, assignment):
        header = rows[0]
        self._column(header, self.identifier)
        column, students = self._column(header, self.grade), []
        maximum = self._column(header, self.maximum)
        for number, row in enumerate(rows[1:], start=1):
            if any(row):
                row += [""] * (len(header) - len(row))
                _same_points(self, row[maximum], assignment)
                students.append(number)
        return column, students

    def ids(self, header, row):
        cells = dict(zip(header, row))
        number = re.search(r"\d+$", cells[self.identifier].strip())
        found = {cells[self.identifier].strip(), number[0] if number else ""}
        return found | {cells.get(name, "").strip() for name in self.others} - {""}

    def names(self, student):
        return {student.id, student.lms_user_id, student.email} - {None, ""}

    def label(self, header, row):
        cells = dict(zip(header, row))
        return cells.get("Full name") or cells[self.identifier]


def _same_points(exporter, points, assignment):
    try:
        number = float(points.replace(",", "."))
    except ValueError:
        raise ExportError(f"{exporter.file} says {points!r} where the points of the assignment should be.") from None
    if number != assignment.max_score:
        raise ExportError(
            f"{exporter.platform} has {number:g} points for {assignment.name}, the gradebook {assignment.max_score:g}."
            f" Set {exporter.platform}'s to {assignment.max_score:g} and export again."
        )
