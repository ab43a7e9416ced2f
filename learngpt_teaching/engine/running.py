"""Run one notebook of one submission, check by check, and say what each is worth."""

import asyncio
import html
import json
import logging
import random
import re
import secrets
import time
from dataclasses import dataclass, field

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output

from learngpt.evidence import TOKEN, explanation, passed
from learngpt_teaching.engine.rebuilding import Unreadable, grade_id_of, read, rebuild
from learngpt_teaching.engine.sandbox import LIMITS, ContainedKernelManager
from learngpt_teaching.week1.tripwires import draw

# For one cell: seconds of computing first, so that a busy machine changes no mark; seconds on the clock against sleep.
CELL = {"cpu": 60, "wall": 300}
NOTEBOOK_WALL = 1800  # seconds on the clock
OUTPUT_BYTES = 100_000  # kept of what one cell shows
MOST_KERNELS = 16  # for one notebook; an answer that ends its kernel takes two for each check
SET_ASIDE = "This notebook was set aside. Your instructor looks at it."
PICTURE = re.compile(  # as learngpt.plots makes it
    r'<img alt="([^"<>]*)" width="(\d{1,4})" style="[^"<>]*" src="data:image/png;base64,([A-Za-z0-9+/]+=*)">'
)
CUT = "... the rest of this output was cut ..."


class Tripped(Exception):
    """Something in the kernel keeps the checks from working. The message is for the instructor."""


class Lost(Exception):
    """A cell whose kernel had to be ended. The message is for the student."""


@dataclass
class Result:
    """What came out: JSON, but for its class, so that it can travel.

    Attributes:
        notebook: as it was graded, a dict; its graded cells end with their points or with what failed.
        verdict: "graded", "set aside" or "unreadable".
        reason: one sentence for the instructor where the verdict isn't "graded".
        checks: {grade id: {"points": ..., "possible": ..., "message": ...}}.
        kernels: how many it took.
        seconds: on the clock.
    """

    notebook: dict
    verdict: str = "graded"
    reason: str = ""
    checks: dict = field(default_factory=dict)
    kernels: int = 0
    seconds: float = 0.0


def grade_notebook(course, raw, before, sandbox, limits=LIMITS, cell_limits=CELL):
    """Grade one submitted notebook; nothing that a student submits makes this raise.

    Args:
        course: JSON text of the notebook in source/, with solutions and hidden tests.
        raw: bytes of the submitted file; a str says why there are none.
        before: {name: JSON text} of the course's solved notebooks whose classes the checks may build on.
        sandbox: where kernels come from.

    Returns:
        Result
    """
    start = time.monotonic()
    course = nbformat.reads(course, as_version=4)
    result = Result(course)
    try:
        if isinstance(raw, str):
            raise Unreadable(raw)
        notebook = rebuild(course, read(raw))
        run = _Run(course, notebook, before, sandbox, limits, cell_limits)
        asyncio.run(run.all())
        result.notebook, result.checks, result.kernels = notebook, run.checks, run.kernels
        if run.tripped:
            _void(result, "set aside", run.tripped, SET_ASIDE)
    except Unreadable as error:
        result.notebook = rebuild(course, [])
        _void(result, "unreadable", str(error), str(error))
    except Exception as error:  # a fault of ours must not end a run
        result.notebook = rebuild(course, [])
        _void(result, "set aside", f"The grader itself failed with {error!r}. Please report that.", SET_ASIDE)
    result.notebook = nbformat.from_dict(_encodable(result.notebook))
    result.reason, result.checks = _encodable(result.reason), _encodable(result.checks)
    result.seconds = time.monotonic() - start
    return result


def _encodable(value):
    """JSON without lone surrogates, which a kernel can send and no file can hold."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _void(result, verdict, reason, message):
    """No marks for any check of a notebook, and why."""
    result.verdict, result.reason = verdict, reason
    for cell in result.notebook.cells:
        if _is_graded(cell):
            result.checks[grade_id_of(cell)] = _lost(cell, message)


def _is_graded(cell):
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def _lost(cell, message):
    """Write into a graded cell that it earns nothing, and why."""
    cell.outputs = [
        output for output in cell.get("outputs", []) if output.output_type not in ("execute_result", "error")
    ]
    lines = [f"✗ {line}" if number == 0 else f"  {line}" for number, line in enumerate(message.split("\n"))]
    cell.outputs.append(new_output("error", ename="CheckFailed", evalue=message, traceback=lines))
    return {"points": 0, "possible": cell.metadata.nbgrader.points, "message": message}


class _Client(NotebookClient):
    """nbclient, with a limit on what it keeps of a cell's output, and deaf to widgets."""

    def output(self, outs, msg, display_id, cell_index):
        size, kind = len(str(msg["content"])), msg["msg_type"]
        spent = self._spent.get((cell_index, kind), 0)
        self._spent[cell_index, kind] = spent + size
        if spent + size > OUTPUT_BYTES and kind == "stream":
            left = max(0, OUTPUT_BYTES - spent)
            msg["content"]["text"] = str(msg["content"].get("text", ""))[:left] + (f"\n{CUT}\n" if left else "")
            if not left:
                return None
        elif spent if kind == "error" else spent + size > 10 * OUTPUT_BYTES:  # a second error of one cell is forged
            return None
        return super().output(outs, msg, None, cell_index)

    def handle_comm_msg(self, outs, msg, cell_index):
        pass

    def _update_display_id(self, display_id, msg):
        pass


class _Run:
    """One notebook in one kernel after another."""

    def __init__(self, course, notebook, before, sandbox, limits, cell_limits):
        self.course, self.notebook, self.before = course, notebook, before
        self.sandbox, self.limits, self.cell_limits = sandbox, limits, cell_limits
        self.checks, self.kernels, self.tripped = {}, 0, ""
        self.deadline = time.monotonic() + NOTEBOOK_WALL
        self.client = None
        self.ran = []  # cells to run again where a kernel had to be ended

    async def all(self):
        last = max(index for index, cell in enumerate(self.notebook.cells) if _is_graded(cell))
        try:
            for cell in self.notebook.cells[: last + 1]:
                if cell.cell_type != "code":
                    continue
                if _is_graded(cell):
                    await self._check(cell)
                elif "demo" not in cell.metadata.get("tags", []):
                    await self._run_cell(cell)
            await self._must_pass()
        except Tripped as error:
            self.tripped = str(error)
        finally:
            await self._end_kernel()

    async def _run_cell(self, cell):
        """A cell that is not graded: given, or the student's."""
        if not cell.source.strip():  # nbclient passes over it, and no reply would come
            return
        try:
            await self._execute(cell)
            self.ran.append(cell)
        except Lost as error:
            cell.outputs = [*cell.get("outputs", []), _error(str(error))]

    async def _check(self, cell):
        """A graded cell and its tripwire, in random order."""
        steps = [self._mark, self._must_fail]
        random.shuffle(steps)
        caught = True
        for step in steps:
            if step == self._mark:
                self.checks[grade_id_of(cell)] = await step(cell)
            elif self.checks.get(grade_id_of(cell), {"points": 1})["points"]:  # else there is nothing to doubt
                caught = await step(cell)
        check = self.checks[grade_id_of(cell)]
        if check["points"] and not caught:
            message = (
                "This check could not be trusted: your class can't be put aside for a moment, or ends the kernel then."
            )
            self.checks[grade_id_of(cell)] = _lost(cell, message)

    async def _mark(self, cell):
        try:
            evidence, error = await self._evidence(cell, cell)
        except Lost as lost:
            return _lost(cell, str(lost))
        points = cell.metadata.nbgrader.points
        if error:
            return _lost(cell, error)
        if not evidence:
            return _lost(
                cell, "This check did not run to its end: there is no evidence of it. Does your code end the cell?"
            )
        data = {"text/plain": f"{points:g}", "text/html": passed(points)._repr_html_()}
        cell.outputs.append(new_output("execute_result", data))
        return {"points": points, "possible": points, "message": ""}

    async def _must_fail(self, cell):
        """Put a wrong method in the place of the student's; True if the check fails it."""
        set_up, take_away = draw(grade_id_of(cell))
        try:
            if await self._quietly(set_up):
                return False  # there is no such class, or it doesn't let itself be changed
            evidence, error = await self._evidence(cell, _quiet(cell.source))
            await self._quietly(take_away)
        except Lost:
            return False
        if evidence or not error:
            raise Tripped(
                f"A wrong answer of ours passed the check {grade_id_of(cell)}: something in this notebook keeps the "
                "checks from running or changes how they compare. Read its cells before you give points by hand."
            )
        return True

    async def _must_pass(self):
        """At the end, the course's own answer must pass a check: one that the student's failed, if there is any."""
        cells = [cell for cell in self.notebook.cells if _is_graded(cell)]
        failed = [cell for cell in cells if not self.checks[grade_id_of(cell)]["points"]]
        cell = random.choice(failed or cells)
        try:
            for solution in self.course.cells:
                if solution.metadata.get("nbgrader", {}).get("solution"):
                    await self._quietly(solution.source)
            evidence, error = await self._evidence(cell, _quiet(cell.source))
        except Lost as lost:
            evidence, error = False, str(lost)
        if not evidence:
            raise Tripped(
                f"In this kernel even the course's own answer fails the check {grade_id_of(cell)} («{error}»): "
                "something in the notebook changes what the checks use, perhaps by accident."
            )

    async def _evidence(self, cell, into):
        """Run a check; whether there is evidence of its end, and the message of what went wrong, or None."""
        token = secrets.token_hex(16)
        points = cell.metadata.nbgrader.points
        source = re.sub(rf"checks\.passed\({points:g}\)\s*$", f"checks.passed({points:g}, {token!r})", cell.source)
        reply, results = await self._execute(into, source)
        if reply["status"] == "error":
            shown = next((output for output in into.outputs if output.output_type == "error"), None)
            return False, _message(shown or reply)
        return any(data.get(TOKEN) == token for data in results), None

    async def _quietly(self, source):
        """Run code of ours that leaves no trace in the notebook; its error or None."""
        reply, _ = await self._execute(_quiet(source))
        return reply["status"] == "error"

    async def _execute(self, cell, source=None):
        """Run a cell in the kernel, a new one if need be; the content of the reply, and the data of results.

        Raises:
            Lost: the kernel had to be ended.
        """
        if self.client is None:
            await self._start_kernel()
        shown, results = cell.source, []
        cell.source = source or shown
        self.why = None
        watching = asyncio.ensure_future(self._watch())
        index = len(self.client.nb.cells)
        self.client.nb.cells.append(cell)
        try:
            await self.client.async_execute_cell(cell, index, store_history=False)
        except (
            DeadKernelError,
            CellTimeoutError,
            RuntimeError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            logging.getLogger(__name__).debug("cell lost: %r", error)
            await self._end_kernel()
            raise Lost(self.why or "The kernel ended while this cell ran. Does your code end the process?") from None
        finally:
            watching.cancel()
            cell.source = shown
            results = [output.data for output in cell.outputs if output.output_type == "execute_result"]
            cell.outputs = _clean(cell.outputs)
        reply = self.client.reply
        if self.why and reply["status"] == "error":
            cell.outputs = [output for output in cell.outputs if output.output_type != "error"] + [_error(self.why)]
        return reply, results

    async def _start_kernel(self):
        if self.kernels == MOST_KERNELS or time.monotonic() > self.deadline:
            raise Lost("This notebook took too many kernels or too much time; the rest of it was not run.")
        self.kernels += 1
        manager = ContainedKernelManager(self.sandbox, self.limits, self.before)
        options = {"allow_errors": True, "timeout": None, "record_timing": False}
        options |= {"iopub_timeout": 10, "raise_on_iopub_timeout": True}
        client = _Client(nbformat.v4.new_notebook(), km=manager, **options)
        client.log.setLevel(logging.CRITICAL)
        client._spent = {}
        client.on_cell_executed = lambda cell, cell_index, execute_reply: setattr(
            client, "reply", execute_reply["content"]
        )
        try:
            await client.async_start_new_kernel()
            await client.async_start_new_kernel_client()
        except RuntimeError as error:
            raise Lost(f"No kernel could be started: {error}") from None
        self.client = client
        again, self.ran = self.ran, []
        for cell in again:
            await self._run_cell(cell)

    async def _end_kernel(self):
        if self.client is not None:
            client, self.client = self.client, None
            if client.kc is not None:
                client.kc.stop_channels()
            await client.km.shutdown_kernel(now=True)
            await client.km.cleanup_resources()

    async def _watch(self):
        """Interrupt the kernel, and end it if that doesn't help, when a cell takes too much."""
        kernel = self.client.km.provisioner
        start = time.monotonic()
        await asyncio.sleep(0.5)
        cpu, _ = self.sandbox.usage(kernel.number)
        while not self.why:
            await asyncio.sleep(0.25)
            seconds, memory = self.sandbox.usage(kernel.number)
            if memory > self.limits["memory"] < self.sandbox.memory(kernel.number):
                self.why = f"This cell took more than {self.limits['memory'] >> 20:,} MB of memory and was stopped."
                await kernel.kill()
                return
            if seconds - cpu > self.cell_limits["cpu"]:
                self.why = f"This cell computed for more than {self.cell_limits['cpu']} seconds and was stopped."
            elif time.monotonic() - start > self.cell_limits["wall"] or time.monotonic() > self.deadline:
                self.why = f"This cell took more than {self.cell_limits['wall']} seconds and was stopped."
        self.why += " Is there a loop that never ends?"
        await self.client.km.interrupt_kernel()
        await asyncio.sleep(5)
        await kernel.kill()


def _quiet(source):
    return nbformat.v4.new_code_cell(source)


def _error(message):
    return new_output("error", ename="Stopped", evalue=message, traceback=[f"✗ {message}"])


def _message(error):
    said = explanation([str(line) for line in error.get("traceback", [])])
    return said or f"{error.get('ename')}: {error.get('evalue')}"


def _clean(outputs):
    """Of what student code showed, plain text, our own pictures and errors, as nbformat has them; nothing on stderr."""
    clean = []
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
            lines = "\n".join(str(line) for line in output.get("traceback", []))[:OUTPUT_BYTES].split("\n")
            name, value = str(output.get("ename"))[:200], str(output.get("evalue"))[:OUTPUT_BYTES]
            clean.append(new_output("error", ename=name, evalue=value, traceback=lines))
    return clean


def _clean_display(data):
    """An output with plain text, and with a picture if it is one of learngpt.plots: no HTML of a student's."""
    text = data.get("text/plain")
    clean = new_output("display_data", {"text/plain": text[:OUTPUT_BYTES]} if isinstance(text, str) else {})
    picture = PICTURE.fullmatch(str(data.get("text/html"))[: 10 * OUTPUT_BYTES])
    if picture:
        alt, width, png = picture.groups()
        clean.data["image/png"] = png
        clean.metadata["image/png"] = {"alt": html.unescape(alt), "width": int(width)}
    return clean
