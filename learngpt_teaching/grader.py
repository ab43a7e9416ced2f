"""Grades jobs on this machine: several at once, each once, and keeps what they come to."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from learngpt_teaching.course import Course
from learngpt_teaching.engine.running import Budget, control, grade_notebook
from learngpt_teaching.engine.sandbox import warmed
from learngpt_teaching.results import Kept, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.submissions import Job

# What a failed check draws with. Among many submissions some fail, and each of their kernels would import it.
PICTURES = ("matplotlib.pyplot", "matplotlib.backends.backend_agg")
COSTLY = 30  # seconds on the clock after which a submission goes to the end of the queue


class Grader:
    """Grades jobs on this machine, several at once, each key once, and keeps what they come to.

    Args:
        kept: where results are kept; None to keep none.
        ahead: modules that are imported for all kernels, besides those of the course.

    Raises:
        CourseError: the assignment has no exam, or one that lacks a graded cell.
    """

    def __init__(self, course: Course, kept: Kept | None, settings: StudentCode, ahead: tuple[str, ...] = ()):
        _ = course.exams  # here, and not once for each notebook of a class
        self._modules = (*course.modules, *ahead)
        self.course, self.kept = course, kept if settings.seed is None else None
        self.at_once, self.contain = settings.at_once, settings.contain
        self.limits, self.seed = settings.all_limits, settings.seed
        self._pool = ThreadPoolExecutor(self.at_once)
        self._running: dict[tuple[str, int], Future[Result]] = {}
        self._controlled: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._free = _Slots(self.at_once)

    def budget(self) -> Budget:
        """What one submission may take."""
        return Budget(self.limits)

    def begin(self, job: Job, budget: Budget) -> "Future[Result]":
        """Start a job, unless it runs already; a result that was kept is there at once."""
        with self._lock:
            # Two submissions that hold the same notebook run it each for itself: their budgets differ.
            running = job.key, id(budget)
            if running not in self._running:
                kept = self.kept and self.kept.get(job.key, self.course.notebooks[job.name].possible)
                if kept:
                    self._running[running] = Future()
                    self._running[running].set_result(kept)
                else:
                    self._running[running] = self._submit(job, budget)
            return self._running[running]

    def forget(self, job: Job, budget: Budget) -> None:
        """Let go of a result that was handed on."""
        with self._lock:
            self._running.pop((job.key, id(budget)), None)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, job: Job, budget: Budget) -> "Future[Result]":
        done: Future[Result] = Future()

        def work(costly: bool) -> None:
            if budget.spent > COSTLY and not costly:  # the rest of this submission waits for all the others
                self._pool.submit(work, True)
                return
            try:
                done.set_result(self._grade(job, budget))
            except BaseException as error:
                done.set_exception(error)

        self._pool.submit(work, False)
        return done

    def _grade(self, job: Job, budget: Budget) -> Result:
        with self._free.one():
            result = self._once(job, budget)
        if not result.keep:  # the machine was at fault: once more, with nothing else at work on it
            with self._free.all():
                result = self._once(job, budget.second)
        if result.denied:
            with self._free.one():
                self._control(job.name)
        if result.keep and not result.cut_short and self.kept:
            self.kept.put(job.key, result)
        return result

    def _once(self, job: Job, budget: Budget) -> Result:
        where = warmed(self.contain, self._modules)
        rest = where, self.limits, budget, self.seed, job.language
        return grade_notebook(self.course, job.name, job.cells, job.missing, *rest)

    def _control(self, name: str) -> None:
        """Once for each notebook, before its first lost point counts: the course's own answers pass its exam here.

        Raises:
            Broken: they don't.
        """
        with self._lock:
            first = name not in self._controlled
            done = self._controlled.setdefault(name, Future())
        if first:
            try:
                control(self.course, name, warmed(self.contain, self._modules), self.limits)
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)
        done.result()


class _Slots:
    """So many may work at once; or one, with all the others waiting."""

    def __init__(self, count: int):
        self._count, self._taken = count, 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def _take(self, count: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._taken + count <= self._count)
            self._taken += count
        try:
            yield
        finally:
            with self._changed:
                self._taken -= count
                self._changed.notify_all()

    def one(self) -> contextlib.AbstractContextManager[None]:
        return self._take(1)

    def all(self) -> contextlib.AbstractContextManager[None]:
        return self._take(self._count)
