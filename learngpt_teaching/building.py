"""Make release/ and notebooks/ from source/: `python -m learngpt_teaching.building week1`.

Before anything is made, every graded cell must have all that belongs to it: its check, its exam, its title, and answers
that it is measured against. A notebook whose code is as it was when it was last executed keeps its outputs, so a build
that changes nothing changes no file.

After the English notebooks those of each language that has a catalogue are made, in release/LANGUAGE and
notebooks/LANGUAGE.
"""

import ast
import importlib
import logging
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import GenerateAssignment, GenerateSolution, NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets import Bool, default

from learngpt.evidence import message_of
from learngpt_teaching.autograding import course_of
from learngpt_teaching.course import Course, CourseError, is_graded, marks, tree
from learngpt_teaching.preprocessors import ExecuteAll
from learngpt_teaching.translating import catalogues
from learngpt_teaching.translating.notebooks import read


def must_be_whole(course: Course, answers: Path) -> None:
    """See that each graded cell of an assignment has all that belongs to it, and that the room's table is true.

    Args:
        answers: the folder of wrong and right answers that the checks are measured against.

    Raises:
        CourseError: something is missing. The message says what, of which cell, and where it goes.
    """
    room = f"learngpt.{course.assignment}"
    try:
        checks = importlib.import_module(f"{room}.checks")
        todos = importlib.import_module(room).TODOS
    except ModuleNotFoundError as error:
        raise CourseError(
            f"{course.assignment} has no checks: there is no module {error.name}. Write it first."
        ) from None
    _ = course.exams  # says itself what is missing
    wrong, right = _answers(answers)
    for notebook in course.notebooks.values():
        file = course.source / f"{notebook.name}.ipynb"
        for name in notebook.classes:
            if todos.get(name) != notebook.number:
                raise CourseError(
                    f"{file} defines {name} for TODO {notebook.number}, and TODOS in {room} says {todos.get(name)}. "
                    f'Write "{name}": {notebook.number} there.'
                )
            if name not in right:
                raise CourseError(f"There is no right answer for {name} of {file}. Add one to {answers}.")
        for cell in filter(is_graded, notebook.node.cells):
            grade_id = marks(cell).grade_id
            where = f"The graded cell {grade_id} in {file}"
            if not cell.metadata.get("learngpt", {}).get("title"):
                raise CourseError(
                    f'{where} has no title. Its metadata needs "learngpt": {{"title": "..."}}, a sentence that says '
                    "which property it checks."
                )
            called = _called(cell.source)
            if not called - {"passed"}:
                raise CourseError(f"{where} calls no check: no `checks.NAME(...)` stands in it. Add one from {room}.")
            for name in sorted(called):
                if not hasattr(checks, name):
                    raise CourseError(
                        f"{where} calls checks.{name}, and {room}.checks has no {name}. Write that check."
                    )
            if grade_id not in wrong:
                raise CourseError(f"{where} has no wrong answer that it must catch. Add one to {answers}.")


def _called(source: str) -> set[str]:
    """The functions of `checks` that a cell calls."""
    calls = [node.func for node in ast.walk(tree(source)) if isinstance(node, ast.Call)]
    return {
        call.attr
        for call in calls
        if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name) and call.value.id == "checks"
    }


def _answers(folder: Path) -> tuple[set[str], set[str]]:
    """The grade ids that wrong answers are for, and the classes that right ones are for."""
    wrong, right = set(), set()
    for path in sorted(folder.glob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            target.id: statement.value.value
            for statement in body.body
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        for function in [each for each in body.body if isinstance(each, ast.FunctionDef)]:
            for call in [each for each in function.decorator_list if isinstance(each, ast.Call)]:
                if getattr(call.func, "id", "") == "wrong":
                    check = call.args[1]
                    wrong.add(str(check.value if isinstance(check, ast.Constant) else constants[ast.unparse(check)]))
                elif getattr(call.func, "id", "") == "right":
                    right.add(str(constants["CLASS"]))
    return wrong, right


class Build(NbGrader):
    """nbgrader's generate_assignment and generate_solution, after a look at what they are made from."""

    name = "python -m learngpt_teaching.building"
    description = "Make release/ and notebooks/ of an assignment from source/."
    examples = """
        python -m learngpt_teaching.building week1
        python -m learngpt_teaching.building week1 --execute
    """
    flags = NbGrader.flags | {"execute": ({"Build": {"execute": True}}, "Execute every notebook, changed or not.")}

    execute = Bool(False, help="Execute every notebook, changed or not.").tag(config=True)

    @default("log_level")
    def _log_level_default(self):
        return logging.WARNING

    def start(self):
        super().start()
        if len(self.extra_args) != 1:
            self.fail("Say which assignment to build, for example: %s week1", self.name)
        self.coursedir.assignment_id = self.extra_args[0]
        root = Path(self.coursedir.root)
        try:
            course = course_of(self.coursedir)
            must_fit_the_gradebook(course, self.coursedir)
            must_be_whole(course, root / "tests" / "answers" / course.assignment)
            for line in catalogues.bring_up_to_date(root):
                print(line)
            self._make(self.coursedir, _solved(self.coursedir))
            for language in catalogues.languages(root):
                self._translate(course, language)
        except (CourseError, NbGraderException) as error:
            self.fail("Nothing was built: %s", error)
        print(
            f"release/{course.assignment} and notebooks/{course.assignment} are what source/{course.assignment} makes."
        )

    def _make(self, coursedir, published):
        """Make what is released, and what is solved and executed.

        Args:
            published: the folder of solved notebooks whose outputs are kept where the code is the same.
        """
        ExecuteAll.executed = {} if self.execute else {path.stem: read(path) for path in published.glob("*.ipynb")}
        for step in (GenerateAssignment, GenerateSolution):
            converter = step(coursedir=coursedir, parent=self)
            converter.force = True
            converter.start()
        for path in sorted(_solved(coursedir).glob("*.ipynb")):
            for cell in read(path).cells:
                if said := message_of(cell.get("outputs", [])):
                    raise CourseError(f"{path} stops in this cell, with {said}:\n\n{cell.source}")

    def _translate(self, course, language):
        """Make the notebooks of an assignment in another language, in a course of their own that is put away then."""
        if not catalogues.translations(Path(self.coursedir.root), language, course.assignment):
            return
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "source", course.assignment)
            source.mkdir(parents=True)
            for name in course.notebooks:
                nbformat.write(course.node(name, language), source / f"{name}.ipynb")
            coursedir = CourseDirectory(
                parent=self,
                root=folder,
                assignment_id=course.assignment,
                db_url=f"sqlite:///{folder}/gradebook.db",
            )
            self._make(coursedir, _solved(self.coursedir, language))
            for step in (coursedir.release_directory, coursedir.solution_directory):
                target = self.coursedir.format_path(step, language, course.assignment)
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(Path(folder, step, course.assignment), target)


def _solved(coursedir, language="."):
    return Path(coursedir.format_path(coursedir.solution_directory, language, coursedir.assignment_id))


def must_fit_the_gradebook(course: Course, coursedir: CourseDirectory) -> None:
    """See that no check came or went since something was submitted; nbgrader would stop with a traceback.

    Raises:
        CourseError: one did.
    """
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        try:
            assignment = gradebook.find_assignment(course.assignment)
        except MissingEntry:
            return
        for notebook in assignment.notebooks if assignment.num_submissions else []:
            known = {cell.name for cell in notebook.grade_cells}
            now = course.notebooks[notebook.name].checks.keys() if notebook.name in course.notebooks else set()
            for grade_id in sorted(known ^ now):
                raise CourseError(
                    f"The graded cell {grade_id} of {notebook.name} was {'added' if grade_id in now else 'taken away'} "
                    f"after {assignment.num_submissions} submissions, and nbgrader's gradebook can't take that. "
                    "Undo it; or put gradebook.db aside, build again, and let `make grade` grade all anew."
                )


if __name__ == "__main__":
    Build.launch_instance()
