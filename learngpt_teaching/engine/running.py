"""Run one notebook of one submission: the exam says what is earned, a check says what is wrong.

The student's cells run in a kernel of the sandbox, up to the first graded cell. There a copy of the kernel sits the
exam: this process asks, compares, and decides the points. Only for a property that the exam denies its check runs in
the kernel, for the words. So nothing that a student's code does to its own process can earn a point.
"""

import ast
import asyncio
import functools
import html
import json
import logging
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_output

from learngpt.evidence import FAILED, UNWRITTEN, earned, lines, message_of
from learngpt.language import ENGLISH, mark, say, speaking
from learngpt_teaching.course import Course, Notebook, digest, is_demonstration, is_graded, is_solution, marks, tree
from learngpt_teaching.engine.rebuilding import Cell, is_own, rebuild
from learngpt_teaching.engine.sandbox import (
    QUIET,
    Broken,
    ContainedKernelManager,
    Provisioner,
    Sandbox,
    Warmed,
    printable,
)
from learngpt_teaching.exam import asking
from learngpt_teaching.later import Later
from learngpt_teaching.results import DIFFERS, SET_ASIDE, UNREADABLE, Outcome, Result

OUTPUT_BYTES = 100_000  # kept of what one cell shows
NOTEBOOK_BYTES = 2_000_000  # kept of what all cells show
ERROR_CHARACTERS = 2_000  # kept of an error after that
MESSAGE_CHARACTERS = 5_000  # kept of what a check says
MOST_NOTES = 10  # for the instructor about one notebook
SLOW = 8  # seconds after which a check that failed is taken for all of its class
MOST_KERNELS = 16  # for one notebook; an answer that ends its kernel takes two for each check
KINDS = {"status", "stream", "display_data", "execute_result", "error"}  # of messages that are read at all
PICTURE = re.compile(  # as learngpt.plots makes it
    r'<img alt="([^"<>]*)" width="(\d{1,4})" style="[^"<>]*" src="data:image/png;base64,([A-Za-z0-9+/]+=*)">'
)
CUT = mark("... the rest of this output was cut ...")
DIFFERENT = mark(
    "The check passes in your notebook, and the same question with other numbers doesn't. Does your code depend on the "
    "numbers of the check, or change what the check uses?"
)
PACKAGE = r"learngpt(_teaching)?\.\w"  # how the name of a module of ours begins
SILENT = mark(
    "The check passes in your notebook. Asked the same with other numbers, your code ended its process, or was "
    "stopped, before it had answered."
)
ABSENT = "absent"  # how an exam ends to which no kernel came
ASIDE = mark("This notebook could not be graded, through no fault of yours: {reason}")


class Lost(Exception):
    """A cell whose kernel had to be ended, or ended by itself. The message is for the student."""


class Budget:
    """What one submission may take, all its notebooks together: seconds on the clock and seconds of computing."""

    def __init__(self, limits: dict[str, int]):
        self._limits = limits
        self._spent = {"wall": 0.0, "cpu": 0.0}
        self._lock = threading.Lock()

    @functools.cached_property
    def second(self) -> "Budget":
        """What all notebooks together may take when they are tried again, with nothing else at work."""
        return Budget(self._limits)

    def spend(self, wall: float = 0, cpu: float = 0) -> None:
        with self._lock:
            self._spent["wall"] += wall
            self._spent["cpu"] += cpu

    @property
    def spent(self) -> float:
        """Seconds on the clock."""
        return self._spent["wall"]

    @property
    def left(self) -> float:
        """Seconds on the clock."""
        return max(0.0, self._limits["wall"] - self._spent["wall"])

    @property
    def over(self) -> str:
        """Why there is nothing left, as a sentence; "" while there is."""
        if self._spent["wall"] > self._limits["wall"]:
            return say(
                "This submission took more than {seconds} seconds; the rest of it was not run.",
                seconds=self._limits["wall"],
            )
        if self._spent["cpu"] > self._limits["cpu"]:
            return say(
                "This submission computed for more than {seconds} seconds; the rest of it was not run.",
                seconds=self._limits["cpu"],
            )
        return ""


def grade_notebook(
    course: Course,
    name: str,
    cells: list[Cell] | None,
    missing: Later | None,
    warmed: Warmed,
    limits: dict[str, int],
    budget: Budget | None = None,
    seed: int | None = None,
    language: str = ENGLISH,
) -> Result:
    """Grade one submitted notebook; nothing that a student submits makes this raise.

    Args:
        name: of the notebook of the course.
        cells: of the submitted one; None if there is none.
        missing: why there is none, else None.
        warmed: where parents of kernels come from.
        limits: like LIMITS.
        budget: shared with the other notebooks of the submission; a new one if left out.
        seed: of an exam that is to be repeated; drawn anew if left out.
        language: that of the notebook, and of what the student is told.

    Returns:
        Result; its `keep` is False where the machine, or a fault of ours, is the reason for it.
    """
    start = time.monotonic()
    notebook = course.notebooks[name]
    whole = course.node(name, language)
    with speaking(language):
        if cells is None:
            assert missing is not None
            result = _void(whole, UNREADABLE, str(missing), missing.said())
        else:
            try:
                sandbox = warmed.sandbox((course.assignment, name))
                rebuilt = rebuild(whole, cells)
                result = _graded(course, notebook, rebuilt, sandbox, limits, budget or Budget(limits), seed)
            except Exception as error:  # a fault of the machine or of ours must not end a run, nor become a mark
                logging.getLogger(__name__).debug("not graded", exc_info=True)
                if not isinstance(error, Broken):
                    error = Broken(Later(mark("The grader failed with {error}"), error=printable(repr(error))))
                result = _void(whole, SET_ASIDE, str(error), say(ASIDE, reason=error.said()))
                result.keep = False
    about = {
        "verdict": result.verdict,
        "reason": result.reason,
        "differing": [grade_id for grade_id, outcome in result.checks.items() if outcome.differs],
        "notes": result.notes,
        "submitted": digest(str(missing) if cells is None else [vars(cell) for cell in cells]),
    }
    result.notebook.metadata.setdefault("learngpt", {}).update(about)
    result.seconds = time.monotonic() - start
    return result


def control(course: Course, name: str, warmed: Warmed, limits: dict[str, int]) -> None:
    """See that the course's own answers pass the exam here, in the same way as a student's.

    Raises:
        Broken: they don't; so the machine or the course is at fault, and no lost point counts.
    """
    notebook = course.notebooks[name]
    solutions = [cell.source for cell in notebook.node.cells if is_solution(cell)]
    sandbox = warmed.sandbox(("control", course.assignment, name))  # no kernel of a student's inherits what it is sent
    number = sandbox.fork({}, limits, course.before(name), notebook.given, solutions)
    try:
        channel = sandbox.examine(number, limits["wall"])
        if channel is None:
            said = mark("The course's own answers to {notebook} did not come to their exam.")
            raise Broken(Later(said, notebook=name))
        with channel:
            taken = asking.take(channel, course.exams, list(notebook.checks), seconds=limits["wall"])
    finally:
        sandbox.end(number)
        sandbox.close()
    if denied := [grade_id for grade_id, right in taken.verdicts.items() if not right]:
        said = mark(
            "No point of {notebook} is taken away: the course's own answers fail its exam here, in {denied} "
            "(seed {seed}, {ending}). Was source/ or the exam changed? Else this machine computes wrongly."
        )
        about = {"notebook": name, "denied": ", ".join(denied), "seed": taken.seed, "ending": taken.ending}
        raise Broken(Later(said, **about))


def _graded(
    course: Course,
    notebook: Notebook,
    rebuilt: NotebookNode,
    sandbox: Sandbox,
    limits: dict[str, int],
    budget: Budget,
    seed: int | None,
) -> Result:
    run = _Run(course, notebook, rebuilt, sandbox, limits, budget, seed)
    asyncio.run(run.all())
    result = Result(_encodable(rebuilt), checks=run.outcomes, seed=run.seed, kernels=run.kernels)
    result.cut_short = bool(budget.over)
    result.notes = _few(_notes(notebook, rebuilt))
    differing = [grade_id for grade_id, outcome in result.checks.items() if outcome.differs]
    if differing:
        result.verdict = DIFFERS
        result.reason = (
            f"The check says yes and the exam no: {', '.join(differing)} (seed {run.seed}). Something in the notebook "
            "keeps the check from working, or fits its numbers alone. Read its cells."
        )
    return result


def _encodable(notebook: NotebookNode) -> NotebookNode:
    """A notebook without lone surrogates, which a kernel can send and no file can hold."""
    data = json.loads(json.dumps(notebook, ensure_ascii=False).encode("utf-8", "replace"))
    clean: NotebookNode = nbformat.from_dict(data)
    return clean


def _void(notebook: NotebookNode, verdict: str, reason: str, message: str) -> Result:
    """No marks for any check of a notebook, and why."""
    result = Result(rebuild(notebook, []), verdict, reason)
    for cell in filter(is_graded, result.notebook.cells):
        result.checks[marks(cell).grade_id] = _lose(cell, message)
    return result


def _lose(cell: NotebookNode, message: str, unwritten: bool = False, differs: str = "") -> Outcome:
    """Write into a graded cell that it earns nothing, and why."""
    message, kind = _plain(message), UNWRITTEN if unwritten else FAILED
    cell.outputs = [output for output in cell.get("outputs", []) if output.output_type == "display_data"]
    cell.outputs.append(new_output("error", ename=kind, evalue=message, traceback=lines(message)))
    return Outcome(0, marks(cell).points, message, unwritten, differs)


def _earn(cell: NotebookNode) -> Outcome:
    points = marks(cell).points
    cell.outputs = [new_output("execute_result", earned(points))]
    return Outcome(points, points)


def _plain(text: str) -> str:
    """Lines of text that move no cursor and change no colour of a terminal, and not too many."""
    text = text.encode("utf-8", "replace").decode()[:MESSAGE_CHARACTERS]
    return "".join(char for char in text if char.isprintable() or char == "\n")


def _few(notes: Iterable[str]) -> list[str]:
    """The first MOST_NOTES of some notes, each once, and how many were left out."""
    once = list(dict.fromkeys(notes))
    left_out = len(once) - MOST_NOTES
    return once[:MOST_NOTES] + [f"Notes of this kind that were left out: {left_out:,}."] * (left_out > 0)


def _notes(notebook: Notebook, rebuilt: NotebookNode) -> Iterator[str]:
    """What an instructor may want to read in a student's cells; it changes no mark."""
    given = {module for source in notebook.given for node in ast.walk(tree(source)) for module in _imported(node)}
    for cell in rebuilt.cells:
        if cell.cell_type != "code" or not (is_own(cell) or is_solution(cell)):
            continue
        nodes = list(ast.walk(tree(cell.source)))
        named = [node for node in nodes if isinstance(node, ast.Name) and node.id == "checks"]
        if any(isinstance(node.ctx, ast.Store) for node in named):
            named = []  # it is a name of the student's own
        attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
        called = {id(node.value) for node in attributes if node.attr in notebook.asked}
        parts = [node for node in attributes if node.attr == "checks" and getattr(node.value, "id", "") != "self"]
        if parts or any(id(node) not in called for node in named):
            yield "A cell uses a part of the checks, not only what the course's cells call."
        for node in nodes:
            for module in _imported(node):
                if re.match(PACKAGE, module) and module not in given:
                    yield f"A cell imports from {printable(module)}, where the references of the checks are."
                if module.split(".")[0] in ("threading", "concurrent", "multiprocessing"):
                    yield f"A cell imports {printable(module)}. What runs elsewhere isn't counted as an operation."
            if isinstance(node, ast.Attribute) and node.attr == "modules" and getattr(node.value, "id", "") == "sys":
                yield "A cell looks through sys.modules. The references of the checks are among them."
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(PACKAGE, node.value):
                yield f"A cell names {printable(node.value, 80)}. The references of the checks are there."
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "carry":
                asked = {each.value for each in node.args if isinstance(each, ast.Constant)}
                names = [name for name in notebook.classes if name in asked]
                yield from (f"A cell carries {name}, the class that this notebook asks for." for name in names)


def _imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports, or imports from."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


class _Client(NotebookClient):
    """nbclient, with a limit on what it keeps of a cell's output, and deaf to widgets."""

    km: ContainedKernelManager
    run: "_Run"
    _spent: dict[tuple[int, str], int]  # characters that each cell showed so far, by their kind

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if msg["msg_type"] not in KINDS:
            return None
        try:
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception:  # it isn't as Jupyter makes messages: only the student's code can have sent it
            return None

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        content, kind = msg["content"], msg["msg_type"]
        size, spent = len(str(content)), self._spent.get((cell_index, kind), 0)
        self._spent[cell_index, kind] = spent + size
        self.run.shown += size
        full = self.run.shown > NOTEBOOK_BYTES
        if kind == "stream" and (full or spent + size > OUTPUT_BYTES):
            left = 0 if full else max(0, OUTPUT_BYTES - spent)
            content["text"] = str(content.get("text", ""))[:left] + (f"\n{say(CUT)}\n" if left else "")
            if not left:
                return None
        elif kind == "error":
            if spent:  # a second error of one cell is forged
                return None
            if full:
                content["evalue"] = str(content.get("evalue"))[:ERROR_CHARACTERS]
                content["traceback"] = ["\n".join(map(str, content.get("traceback", [])))[-ERROR_CHARACTERS:]]
        elif full or spent + size > 10 * OUTPUT_BYTES:
            return None
        return super().output(outs, msg, None, cell_index)

    def handle_comm_msg(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        pass

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        pass


class _Run:
    """One notebook in one kernel after another."""

    def __init__(
        self,
        course: Course,
        notebook: Notebook,
        rebuilt: NotebookNode,
        sandbox: Sandbox,
        limits: dict[str, int],
        budget: Budget,
        seed: int | None,
    ):
        self.course, self.notebook, self.rebuilt = course, notebook, rebuilt
        self.sandbox, self.limits, self.budget, self.seed = sandbox, limits, budget, seed
        self.outcomes: dict[str, Outcome] = {}
        self.kernels = 0
        self.shown = 0  # characters of all outputs so far
        self.client: _Client | None = None
        self.ran: list[NotebookNode] = []  # cells to run again where a kernel had to be ended
        self.stopped: dict[str, str] = {}  # name of a class -> what stopped the cell that defines it

    async def all(self) -> None:
        cells = [cell for cell in self.rebuilt.cells if cell.cell_type == "code"]
        graded = [index for index, cell in enumerate(cells) if is_graded(cell)]
        try:
            for cell in cells[: graded[0]]:
                await self._run_cell(cell)
            verdicts = await self._examine()
            denied = [index for index in graded if not verdicts[marks(cells[index]).grade_id]]
            for index, cell in enumerate(cells[graded[0] :], graded[0]):
                if index in denied:
                    answered = verdicts[marks(cell).grade_id] is not None
                    self.outcomes[marks(cell).grade_id] = await self._ask(cell, answered)
                elif index in graded:
                    self.outcomes[marks(cell).grade_id] = _earn(cell)
                elif denied and index < denied[-1]:
                    await self._run_cell(cell)
        finally:
            await self._end_kernel()

    async def _run_cell(self, cell: NotebookNode) -> None:
        """A cell that is not graded: given, or the student's. Blank ones nbclient passes over, without a reply."""
        if is_demonstration(cell) or not cell.source.strip():
            return
        try:
            await self._execute(cell)
            self.ran.append(cell)
        except Lost as error:
            cell.outputs = [*cell.get("outputs", []), _error(str(error))]
        if is_solution(cell) and (said := message_of(cell.outputs)):
            said = re.sub(r"\([^()]*, line (\d+)\)", functools.partial(_line_of, cell), said)
            for name in self.notebook.classes:
                if re.search(rf"^class {name}\b", cell.source, re.M):
                    self.stopped[name] = " ".join((say("The cell that defines {name} stopped.", name=name), said))

    async def _examine(self) -> dict[str, bool | None]:
        """What the exam says of each property; None where no answer came.

        Where a copy of the kernel ends before it has answered all, the property that it was asked for then gets a
        second try, for the system may have ended it; then the others are asked for without that one.
        """
        verdicts: dict[str, bool | None] = dict.fromkeys(self.notebook.checks)
        left, tried = list(verdicts), set[str]()
        while left:
            try:
                taken = await self._sit(left)
            except Lost:
                break
            self.seed = taken.seed
            if taken.ending == ABSENT and ABSENT in tried:
                break
            verdicts |= taken.verdicts
            left = [grade_id for grade_id in left if taken.verdicts[grade_id] is None]
            if taken.ending == "complete" or self.budget.over:
                break
            if taken.ending == ABSENT:
                tried.add(ABSENT)
            elif left and left[0] in tried:
                left.pop(0)
            else:
                tried.update(left[:1])
        return verdicts

    async def _sit(self, grade_ids: list[str]) -> asking.Result:
        manager = (await self._kernel()).km
        number = manager.provisioner.number

        def take() -> asking.Result:
            channel = self.sandbox.examine(number, min(self.limits["idle"], self.budget.left))
            if channel is None:
                return asking.Result(self.seed, ABSENT, dict.fromkeys(grade_ids))
            with channel:
                seconds = self.budget.left, self.limits["call"], self.limits["idle"]
                return asking.take(channel, self.course.exams, grade_ids, self.seed, *seconds)

        async with self._watched(manager, self.limits | {"cell_cpu": self.limits["cpu"]}):  # all its calls together
            return await asyncio.get_running_loop().run_in_executor(None, take)

    async def _ask(self, cell: NotebookNode, answered: bool) -> Outcome:
        """Why a property is missing, in the words of its check.

        Args:
            answered: whether all of the exam's questions about it were.
        """
        grade_id = marks(cell).grade_id
        stopped = [said for name, said in self.stopped.items() if re.search(rf"\b{name}\b", cell.source)]
        if stopped:
            return _lose(cell, stopped[0])
        start = time.monotonic()
        try:
            await self._execute(nbformat.v4.new_code_cell("get_ipython().put_back()"))
            await self._execute(cell)
        except Lost as lost:
            return _lose(cell, str(lost))
        said = message_of(cell.outputs)
        if said and time.monotonic() - start > SLOW:  # what never ends once would take as long in each other check
            self.stopped |= {name: said for name in self.notebook.classes if re.search(rf"\b{name}\b", cell.source)}
        if said is None:
            words = DIFFERENT if answered else SILENT
            return _lose(cell, say(words), differs=f"{grade_id}: exam no, check yes")
        return _lose(cell, said, any(output.get("ename") == UNWRITTEN for output in cell.outputs))

    async def _execute(self, cell: NotebookNode) -> None:
        """Run a cell in the kernel, a new one if need be. One in which the kernel ends by itself gets a second one.

        Raises:
            Lost: the kernel had to be ended, or ended twice.
            Broken: the system ended it.
        """
        for attempt in range(2):
            client = await self._kernel()
            lost: Exception | None = None
            async with self._watched(client.km) as watch:
                index = len(client.nb.cells)
                client.nb.cells.append(cell)
                cell.outputs = []
                try:
                    await client.async_execute_cell(cell, index, store_history=False)
                except (DeadKernelError, CellTimeoutError) as error:
                    lost = error
                except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
                    lost = error  # a message that is none: only the student's code can have sent it
                finally:
                    cell.outputs, cell.execution_count = _clean(cell.outputs), None
            if not lost:
                if watch.why:
                    cell.outputs = [each for each in cell.outputs if each.output_type != "error"] + [_error(watch.why)]
                return
            logging.getLogger(__name__).debug("cell lost: %r", lost)
            why = watch.why or self._why_ended(client.km.provisioner)
            await self._end_kernel()
            if why or attempt:
                raise Lost(why or say("The kernel ended while this cell ran. Does your code end the process?"))

    def _why_ended(self, kernel: Provisioner) -> str:
        """What ended the kernel, if it took too much memory; "" if it ended by itself.

        Raises:
            Broken: the system ended it.
        """
        deadline = time.monotonic() + 2
        while kernel.status is None and time.monotonic() < deadline:  # the news of its end may be under way
            time.sleep(0.01)
        cgroup = self.sandbox.cgroups.get(kernel.number)
        if cgroup and cgroup.memory_ran_out:
            return self._too_much_memory
        # A process can end itself by any signal but this one: in its namespace nobody can send it that, nor does it
        # set itself the limit that would.
        if kernel.status == -signal.SIGKILL and not kernel.killed:
            raise Broken(Later(mark("The system ended a kernel. Was there too little memory?")))
        return ""

    @property
    def _too_much_memory(self) -> str:
        most = self.limits["memory"] >> 20
        return say("This cell took more than {most:,} MB of memory and was stopped.", most=most)

    async def _kernel(self) -> _Client:
        """The client of the kernel, of a new one if need be."""
        while self.client is None:
            await self._start_kernel()
        return self.client

    async def _start_kernel(self) -> None:
        if self.budget.over:
            raise Lost(self.budget.over)
        if self.kernels == MOST_KERNELS:
            raise Lost(say("This notebook ended too many kernels; the rest of it was not run."))
        self.kernels += 1
        before, given = self.course.before(self.notebook.name), self.notebook.given
        manager = ContainedKernelManager(self.sandbox, self.limits, before, given)
        options: dict[str, Any] = {"allow_errors": True, "timeout": None, "record_timing": False}
        options |= {"iopub_timeout": 10, "raise_on_iopub_timeout": True, "log": QUIET}
        client = _Client(nbformat.v4.new_notebook(), km=manager, **options)
        client.run, client._spent = self, {}
        try:
            await client.async_start_new_kernel()
            await client.async_start_new_kernel_client()
        except RuntimeError as error:
            said = mark("No kernel could be started: {error}")
            raise Broken(Later(said, error=printable(error))) from None
        self.client = client
        again, self.ran = self.ran, []
        for cell in again:
            await self._run_cell(cell)

    async def _end_kernel(self) -> None:
        if self.client is not None:
            client, self.client = self.client, None
            if client.kc is not None:
                client.kc.stop_channels()
            await client.km.end()
            await client.km.cleanup_resources()

    def _watched(self, manager: ContainedKernelManager, limits: dict[str, int] | None = None) -> "_Watch":
        return _Watch(manager, self.sandbox, limits or self.limits, self.budget, self._too_much_memory)


class _Watch:
    """Stops what a kernel does when it takes too much: `async with _Watch(...) as watch`, then `watch.why`."""

    def __init__(
        self,
        manager: ContainedKernelManager,
        sandbox: Sandbox,
        limits: dict[str, int],
        budget: Budget,
        too_much_memory: str,
    ):
        self.manager, self.sandbox, self.limits, self.budget = manager, sandbox, limits, budget
        self.too_much_memory = too_much_memory
        self.why = ""

    async def __aenter__(self) -> "_Watch":
        self.kernel = self.manager.provisioner
        self.start = self.seen = time.monotonic()
        self.watching = asyncio.ensure_future(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        self.watching.cancel()
        self.budget.spend(wall=time.monotonic() - self.seen)

    async def _watch(self) -> None:
        await asyncio.sleep(0.5)
        first, _ = self.sandbox.usage(self.kernel.number)
        busy, at_work = first, time.monotonic()
        while not self.why:
            await asyncio.sleep(0.25)
            now = time.monotonic()
            seconds, memory = self.sandbox.usage(self.kernel.number)
            spent = seconds - self.kernel.counted
            self.kernel.counted = seconds
            self.budget.spend(now - self.seen, spent)
            self.seen = now
            if seconds - busy > 0.02:
                busy, at_work = seconds, now
            if memory > self.limits["memory"] < self.sandbox.memory(self.kernel.number):
                self.why = self.too_much_memory
            elif self.budget.over:
                self.why = self.budget.over
            elif seconds - first > self.limits["cell_cpu"]:
                await self._interrupt(
                    say(
                        "This cell computed for more than {seconds} seconds and was stopped. Is there a loop that "
                        "never ends, or something that it waits for?",
                        seconds=self.limits["cell_cpu"],
                    )
                )
            elif now - at_work > self.limits["idle"]:
                await self._interrupt(
                    say(
                        "This cell did nothing for {seconds} seconds and was stopped. Is there a loop that never ends, "
                        "or something that it waits for?",
                        seconds=self.limits["idle"],
                    )
                )
        await self.kernel.kill()

    async def _interrupt(self, why: str) -> None:
        """Give the cell two seconds to end, so that the kernel lives on."""
        self.why = why
        await self.manager.interrupt_kernel()
        await asyncio.sleep(2)


def _line_of(cell: NotebookNode, at: re.Match[str]) -> str:
    """Where in a cell Python's own message points to, with the line itself: that of a closed page has no number."""
    written, number = cell.source.split("\n"), int(at[1])
    line = written[number - 1].strip() if 0 < number <= len(written) else ""
    if not line or "`" in line:
        return say("(line {number} of that cell)", number=number)
    return say("(line {number} of that cell, `{line}`)", number=number, line=line[:100])


def _error(message: str) -> NotebookNode:
    error: NotebookNode = new_output("error", ename=FAILED, evalue=message, traceback=lines(message))
    return error


def _clean(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Of what student code showed, plain text, our own pictures and errors, as nbformat has them; nothing on stderr."""
    clean: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            text = str(output.get("text", ""))
            if clean and clean[-1].output_type == "stream":
                clean[-1].text += text
            else:
                clean.append(new_output("stream", name="stdout", text=text))
        elif output.output_type == "display_data":
            clean.append(_clean_display(output.data))
        elif output.output_type == "error":
            trace = "\n".join(str(line) for line in output.get("traceback", []))[:OUTPUT_BYTES].split("\n")
            name, value = str(output.get("ename"))[:200], str(output.get("evalue"))[:OUTPUT_BYTES]
            clean.append(new_output("error", ename=name, evalue=value, traceback=trace))
    return clean


def _clean_display(data: dict[str, Any]) -> NotebookNode:
    """An output with plain text, and with a picture if it is one of learngpt.plots: no HTML of a student's."""
    text = data.get("text/plain")
    plain = {"text/plain": text[:OUTPUT_BYTES]} if isinstance(text, str) else {}
    clean: NotebookNode = new_output("display_data", plain)
    picture = PICTURE.fullmatch(str(data.get("text/html"))[: 10 * OUTPUT_BYTES])
    if picture:
        alt, width, png = picture.groups()
        clean.data["image/png"] = png
        clean.metadata["image/png"] = {"alt": html.unescape(alt), "width": int(width)}
    return clean
