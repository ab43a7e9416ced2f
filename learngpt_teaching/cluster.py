"""Grade on the workers of a Dask cluster, over encrypted connections that ask for a certificate.

Whoever reaches a Dask scheduler can run code on its workers, as the user who started them. So nothing but TLS is taken.
"""

from concurrent.futures import Future
from pathlib import Path

from distributed import Client, Security

from learngpt_teaching.course import Course
from learngpt_teaching.engine.running import Budget, control, grade_notebook
from learngpt_teaching.engine.sandbox import Broken, NoContainment, printable, warmed
from learngpt_teaching.grader import PICTURES, Grader
from learngpt_teaching.results import Kept, Result
from learngpt_teaching.settings import StudentCode
from learngpt_teaching.submissions import Job

_controlled: set[str] = set()  # keys of the notebooks whose control this worker has passed


class Cluster(Grader):
    """A Grader whose jobs run on a cluster. The budget of a submission holds there for each of its notebooks.

    Args:
        scheduler: its address, tls://HOST:PORT.
        tls: the folder with ca.pem, cert.pem and key.pem.

    Raises:
        NoContainment: the connection isn't encrypted, or there is no such cluster, or it has no workers.
    """

    def __init__(self, course: Course, kept: Kept | None, settings: StudentCode, scheduler: str, tls: str):
        super().__init__(course, kept, settings)
        self.client = _connect(scheduler, Path(tls) if tls else None)
        self.at_once = sum(self.client.nthreads().values())
        self._scattered = self.client.scatter(course, broadcast=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
        self.client.close()

    def _submit(self, job: Job, budget: Budget) -> "Future[Result]":
        there = self.client.submit(
            _grade_there, self._scattered, job, self.contain, self.limits, self.seed, key=job.key, pure=False
        )
        here: Future[Result] = Future()

        def arrived(dask_future):
            error = dask_future.exception() if dask_future.status != "finished" else None
            if error:  # several workers ended with this job, or one of them can't contain it
                here.set_exception(error if isinstance(error, Broken | NoContainment) else Broken(repr(error)))
                return
            result = dask_future.result()
            if result.keep and not result.cut_short and self.kept:
                self.kept.put(job.key, result)
            here.set_result(result)

        there.add_done_callback(arrived)
        return here


def _connect(scheduler: str, tls: Path | None) -> Client:
    if not scheduler.startswith("tls://"):
        raise NoContainment(
            f"{scheduler} is not encrypted: whoever reaches such a scheduler can run code as you. Start it with "
            "certificates, and give its address as tls://HOST:PORT. docs/instructors.md has the lines."
        )
    folder = tls or Path()
    files = {"tls_ca_file": "ca.pem", "tls_client_cert": "cert.pem", "tls_client_key": "key.pem"}
    for name in files.values():
        if not (folder / name).is_file():
            raise NoContainment(f"There is no {name} in {folder.resolve()}. Say with --tls where the certificates are.")
    security = Security(require_encryption=True, **{option: str(folder / name) for option, name in files.items()})
    try:
        client = Client(scheduler, security=security, timeout=10)
        client.wait_for_workers(1, timeout=30)
    except (OSError, TimeoutError) as error:
        raise NoContainment(
            f"The cluster at {scheduler} can't be used: {printable(error)}. Is its scheduler up, with these "
            "certificates, and has it at least one worker?"
        ) from None
    return client


def _grade_there(course: Course, job: Job, contain: bool, limits: dict[str, int], seed: int | None) -> Result:
    """What a worker does."""
    where = warmed(contain, (*course.modules, *PICTURES))
    for _ in range(2):  # once more where the machine was at fault
        budget = Budget(limits)
        result = grade_notebook(course, job.name, job.cells, job.missing, where, limits, budget, seed, job.language)
        if result.keep:
            break
    if result.denied and course.key(job.name) not in _controlled:
        control(course, job.name, where, limits)
        _controlled.add(course.key(job.name))
    return result
