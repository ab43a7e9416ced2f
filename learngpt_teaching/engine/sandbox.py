"""Kernels for students' code: forked from a warmed parent inside bubblewrap, and watched from outside."""

import asyncio
import atexit
import compileall
import contextlib
import ctypes
import functools
import gc
import itertools
import json
import logging
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Hashable, Iterable, Mapping
from importlib.util import cache_from_source
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
import zmq
from jupyter_client import AsyncKernelClient, AsyncKernelManager
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerBase

import learngpt
import learngpt_teaching
from learngpt.carrying import PACKED
from learngpt.language import mark, say
from learngpt_teaching.engine.cgroup import Cgroup
from learngpt_teaching.kernel import EXAM
from learngpt_teaching.later import Later

# Bytes, seconds, numbers.
LIMITS = {
    # of one submission, all its notebooks together
    "wall": 300,  # seconds on the clock
    "cpu": 120,  # seconds of computing
    # of one cell; computing is counted, so that a busy machine changes no mark
    "cell_cpu": 60,
    "idle": 60,  # seconds on the clock in which it does nothing; so of one call that the exam makes
    "call": 20,  # seconds of computing of one call that the exam makes
    # of one kernel and all that it starts
    "data": 3 << 30,  # memory of one process
    "memory": 4 << 30,  # memory of all processes together
    "disk": 64 << 20,  # what it may write, all of it in memory
    "fsize": 64 << 20,
    "nproc": 48,  # threads count too
    "nofile": 128,  # of one process
}
MESSAGE_BYTES = 1 << 20  # of one message from a kernel; a larger one closes the connection
MESSAGES = 50  # that wait to be read
NOT_INSTALLED = "there is no {what}. On Debian or Ubuntu, `apt-get install bubblewrap libseccomp2`"
REFUSED = (
    "bubblewrap is installed, and this system refuses it what it needs: «{said}». {remedy}. "
    "docs/instructors.md has the lines to type"
)
REMEDIES = {  # a sign of what refuses -> what helps
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "On Ubuntu 24.04 and later, AppArmor does: give "
    "bubblewrap a profile, or set kernel.apparmor_restrict_unprivileged_userns=0",
    "/.dockerenv": "In Docker, start the container with --security-opt seccomp=unconfined --security-opt "
    "apparmor=unconfined --security-opt systempaths=unconfined",
    "/var/run/secrets/kubernetes.io": "In Kubernetes, the pod's securityContext must allow user namespaces: "
    "procMount: Unmasked, seccompProfile: Unconfined, and hostUsers: false",
}
OTHERWISE = "It needs user namespaces: see kernel.unprivileged_userns_clone and user.max_user_namespaces"
WHY_NOT = (
    "Students' code can't be contained here: {reason}. Where there is no bubblewrap, as on macOS and Windows, grade in "
    "a virtual machine or a container that holds nothing you care for, and set `c.StudentCode.contain = False` in "
    "nbgrader_config.py: then the code has your rights."
)


# As `python -m` does, without the collector: what is imported is no garbage, and to look through it takes time.
START = (
    "import gc, runpy; gc.disable(); runpy.run_module('learngpt_teaching.kernel.warm', run_name='__main__', "
    "alter_sys=True)"
)
# A fork copies an entry for each page, and of huge ones there are few. Where a system has none, it changes nothing.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
# For Jupyter's managers and clients of kernels: by itself each takes the log of the nbgrader that runs.
QUIET = logging.getLogger(f"{__name__}.jupyter")
QUIET.setLevel(logging.CRITICAL)
KILLED = 5  # seconds after which nothing waits any longer for the end of a kernel that was killed
BROKEN = -signal.SIGKILL  # how a kernel ends whose parent ended


class NoContainment(Exception):
    """This machine can't grade as it is asked to. The message says what to install or to set."""


class Broken(Exception):
    """The machine, or we, did something wrong; no student did.

    Args:
        why: a plain str where only an instructor can come to read it.
    """

    def __init__(self, why: Later | str):
        super().__init__(why)
        self.why = why

    def said(self) -> str:
        """Why, in the language that is spoken."""
        return self.why.said() if isinstance(self.why, Later) else self.why


@functools.cache
def must_contain() -> str:
    """The path of a bubblewrap that works.

    Raises:
        NoContainment: there is none.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NoContainment(WHY_NOT.format(reason=NOT_INSTALLED.format(what="bubblewrap (`bwrap`)")))
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        raise NoContainment(WHY_NOT.format(reason=NOT_INSTALLED.format(what="libseccomp"))) from None
    tried = subprocess.run([bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise NoContainment(WHY_NOT.format(reason=_refused(tried.stderr)))
    return bwrap


def _refused(said: str) -> str:
    """Why a bubblewrap that is installed doesn't work here, and what helps."""
    remedy = next((words for sign, words in REMEDIES.items() if _holds(Path(sign))), OTHERWISE)
    return REFUSED.format(said=printable(said), remedy=remedy)


def _holds(sign: Path) -> bool:
    """Whether a file is there and, if it is a switch of the system, on."""
    try:
        return sign.is_dir() or sign.read_text().strip() != "0"
    except OSError:
        return False


def printable(text: object, most: int = 300) -> str:
    """One line that is safe to show in a terminal or a log: nothing in it moves a cursor, and it isn't long."""
    line = "".join(char if char.isprintable() else " " for char in str(text)[: 4 * most])
    line = " ".join(line.split())
    return line if len(line) <= most else line[: most - 3] + "..."


def must_be_ready(contain: bool) -> None:
    """See that kernels can be started here, contained if that is asked for.

    Raises:
        NoContainment: they can't.
    """
    if not hasattr(os, "fork"):
        said = say("Grading needs Linux or macOS, because its kernels are forked. On Windows, use WSL.")
        raise NoContainment(said)
    if contain:
        must_contain()


class Warmed:
    """A process, inside bubblewrap if `contain`, that forks parents of kernels once it has warmed up.

    It begins at once to import PyTorch, while whoever made it does something else.

    Raises:
        NoContainment: `contain` is asked for, and bubblewrap is missing or doesn't work.
    """

    def __init__(self, contain: bool = True):
        self.contain = contain
        self.numbers = itertools.count(1)
        self._sandboxes: dict[Hashable, Sandbox] = {}  # what a parent is for -> its Sandbox
        self._making = threading.Lock()
        self.folder = Path(tempfile.mkdtemp(prefix="lg-"))
        os.chmod(self.folder, 0o711)
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-c", START, str(theirs.fileno())]
        command += ["/run/kernels", "contained"] if contain else [str(self.folder), "open"]
        environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        environment["TORCHDYNAMO_DISABLE"] = "1"  # torch.compile does nothing: there is no compiler to wait for
        environment |= HUGE_PAGES
        environment |= {key: os.environ[key] for key in ("ATEN_CPU_CAPABILITY",) if key in os.environ}
        # The packages that run here, and no others that are installed.
        places = [str(Path(file).resolve().parent.parent) for file in (learngpt.__file__, learngpt_teaching.__file__)]
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(places))
        if contain:
            command = [*self._bubblewrap(), "--", *command]
            environment |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), "/run/scratch")
        else:
            environment |= {key: os.environ[key] for key in ("HOME", "SYSTEMROOT") if key in os.environ}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  what kernels say before they are up
        with theirs:
            self.process = subprocess.Popen(
                command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=self._errors, cwd="/",
            )  # fmt: skip
        self._channel = ours

    def import_ahead(self, modules: Iterable[str]) -> None:
        """Wait until it has imported these modules too, for all kernels.

        Raises:
            Broken: it doesn't start.
        """
        ready = b""
        with contextlib.suppress(ConnectionError):
            self._channel.sendall(json.dumps(list(modules)).encode() + b"\n")
            ready = self._channel.recv(100)
        if not ready:
            self.process.wait()
            said = self.said()
            self.close()
            raise Broken(Later(mark("The parent of the kernels doesn't start: {error}"), error=said))

    def said(self) -> str:
        """The last line that it, or a kernel that isn't up yet, wrote about an error."""
        size = os.fstat(self._errors.fileno()).st_size
        lines = os.pread(self._errors.fileno(), 10_000, max(0, size - 10_000)).decode(errors="replace").strip()
        return printable(lines.split("\n")[-1])

    def sandbox(self, what: Hashable) -> "Sandbox":
        """The Sandbox whose parent serves one thing alone, a notebook for example; a new one if there is none."""
        with self._making:
            if what not in self._sandboxes or not self._sandboxes[what].alive:
                ours, theirs = socket.socketpair()
                with theirs:
                    socket.send_fds(self._channel, [b"p"], [theirs.fileno()])
                self._sandboxes[what] = Sandbox(self, ours)
            return self._sandboxes[what]

    def _bubblewrap(self) -> list[str]:
        package = Path(learngpt.__file__).resolve().parent
        teaching = Path(learngpt_teaching.__file__).resolve().parent
        for each in (package, teaching / "kernel", teaching / "exam"):  # inside, nothing compiled could be kept
            compileall.compile_dir(each, quiet=2)
        read = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives"]
        read += [sys.base_prefix, sys.prefix, str(package), str(package.parent / "data")]
        files = [str(teaching / name) for name in ("__init__.py", "exam/__init__.py", "exam/answering.py")]
        read += [str(teaching / "kernel"), *files, *map(cache_from_source, files)]
        command = [must_contain(), "--die-with-parent", "--new-session", "--unshare-ipc", "--unshare-pid"]
        command += ["--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        if os.geteuid() == 0:  # the children become nobody
            command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
        read += ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"]
        command += ["--tmpfs", "/tmp"]  # first, for what is needed may lie below it
        for folder in sorted({str(parent) for path in read for parent in Path(path).parents}):
            command += ["--perms", "0755", "--dir", folder]
        for path in dict.fromkeys(read):
            command += ["--ro-bind-try", path, path]  # what a link leads to, where it is one
        command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run/scratch", "--dir", "/run/kernel"]
        command += ["--bind", str(self.folder), "/run/kernels"]
        for place in {package, *Path(sys.prefix).glob("lib*/python*/site-packages/learngpt")}:
            if (place / PACKED).is_file():  # a package that was handed out has the course's own classes
                command += ["--ro-bind", "/dev/null", str(place / PACKED)]
        return [*command, "--remount-ro", "/dev", "--remount-ro", "/tmp", "--remount-ro", "/"]

    def close(self) -> None:
        """End the warmed process, all parents and all their kernels."""
        for each in list(self._sandboxes.values()):  # another thread may add one
            each.close()
        self._channel.close()
        self.process.kill()  # the parents' channels are closed, and on Linux they die with it besides
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sandbox:
    """A parent of kernels: it forks one whenever it is asked.

    Args:
        warmed: where it was forked.
        channel: the socket over which it is asked.

    Raises:
        Broken: it doesn't start.
    """

    def __init__(self, warmed: Warmed, channel: socket.socket):
        self.contain, self.folder, self.process = warmed.contain, warmed.folder, warmed.process
        self._warmed = warmed
        self._changed = threading.Condition()
        self.pids: dict[int, int] = {}  # number of a kernel -> its pid, as the warmed process sees it
        self.ended: dict[int, int] = {}  # number of a kernel -> how it ended: its exit code, negative for a signal
        self.cgroups: dict[int, Cgroup | None] = {}  # number of a kernel -> its Cgroup, where we may have one
        self._seen: dict[int, psutil.Process] = {}  # number of a kernel -> its process, as it is seen from here
        self.alive = True
        self._channel = channel
        self._lines = channel.makefile("r", encoding="utf-8")
        if not self._lines.readline():
            raise Broken(Later(mark("The parent of the kernels doesn't start.")))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._lines:
            news = json.loads(line)
            with self._changed:
                if "forked" in news:
                    self.pids[news["forked"]] = news["pid"]
                else:
                    self.ended[news["ended"]] = news["status"]
                self._changed.notify_all()
        self.alive = False
        with self._changed:  # the parent is gone, and all kernels with it
            self.ended = {number: BROKEN for number in self.pids} | self.ended
            self._changed.notify_all()

    def _ask(self, **what: object) -> None:
        with self._changed:
            self._channel.sendall(json.dumps(what).encode() + b"\n")

    def fork(
        self,
        connection: Mapping[str, object],
        limits: dict[str, int],
        before: list[str],
        given: list[str],
        solutions: Iterable[str] = (),
    ) -> int:
        """Start a kernel; its number.

        Args:
            before: JSON texts of solved notebooks, whose classes it is given.
            given: sources of the cells whose names it is given when it sits an exam.
            solutions: sources of the course's own; then it is no kernel, and sits the exam with these.

        Raises:
            Broken: the parent has ended, or doesn't answer.
        """
        number = next(self._warmed.numbers)
        folder = self.folder / str(number)
        folder.mkdir(mode=0o700)
        self._hand_over(folder)
        here = "/run/kernel" if self.contain else str(folder)
        what = {"limits": limits, "before": before, "given": given, "solutions": list(solutions)}
        self._ask(fork=number, connection={**connection, "ip": f"{here}/k"}, **what)
        with self._changed:
            self._changed.wait_for(lambda: number in self.pids or not self.alive, timeout=60)
        if number not in self.pids:
            raise Broken(Later(mark("The parent of the kernels has ended: {error}"), error=self._warmed.said()))
        self.cgroups[number] = Cgroup.around(self._find(self.pids[number]).pid, limits)
        return number

    def _hand_over(self, path: Path) -> None:
        """Let kernels use a file of ours, which run as nobody where we are root."""
        if self.contain and os.geteuid() == 0:
            os.chown(path, 65534, 65534)

    def examine(self, number: int, seconds: float) -> socket.socket | None:
        """Let a kernel sit an exam.

        Args:
            seconds: how long to wait for it to come.

        Returns:
            a socket with `answering.answer` at its other end; None if the kernel doesn't come.
        """
        path = self.folder / str(number) / "exam"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            self._hand_over(path)
            listener.listen(1)
            listener.settimeout(0.5)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and number not in self.ended:
                # Again and again: one that comes right before a kernel waits for messages is seen when one has come.
                self.signal(number, EXAM)
                with contextlib.suppress(TimeoutError):
                    return listener.accept()[0]
        return None

    def signal(self, number: int, signum: int) -> None:
        with contextlib.suppress(OSError):
            self._ask(signal=number, number=signum)

    def end(self, number: int) -> None:
        """End a kernel, and remove what it leaves behind."""
        self.signal(number, signal.SIGKILL)
        with self._changed:
            self._changed.wait_for(lambda: number in self.ended, timeout=10)
        self.forget(number)

    def forget(self, number: int) -> None:
        """Remove what a kernel that has ended leaves behind."""
        if cgroup := self.cgroups.pop(number, None):
            cgroup.remove()
        shutil.rmtree(self.folder / str(number), ignore_errors=True)

    def usage(self, number: int) -> tuple[float, int]:
        """Seconds of computing so far and bytes of memory now, of a kernel and all that it started."""
        seconds = memory = 0
        for process in self._tree(number):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seconds += sum(times[:4])  # user, system, and those of children that have ended
                memory += process.memory_info().rss
        return seconds, memory

    def memory(self, number: int) -> int:
        """Bytes of memory of a kernel and all that it started, what they share counted once; this takes longer."""
        total = 0
        for process in self._tree(number):
            with contextlib.suppress(psutil.Error):
                total += getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss
        return total

    def _tree(self, number: int) -> list[psutil.Process]:
        """The processes of a kernel and all that it started."""
        try:
            if number not in self._seen:
                self._seen[number] = self._find(self.pids[number])
            kernel = self._seen[number]
            return [kernel, *kernel.children(recursive=True)]
        except psutil.Error:
            return []

    def _find(self, pid: int) -> psutil.Process:
        """The process that has this number for the warmed parent; seen from here it has another one."""
        if not self.contain:
            return psutil.Process(pid)
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                inside = next(line for line in status.split("\n") if line.startswith("NSpid:")).split()
                if len(inside) > 3 and int(inside[2]) == pid:
                    return process
        raise psutil.NoSuchProcess(pid)

    def close(self) -> None:
        """End the parent and all its kernels."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)


_warmed: dict[tuple[bool, tuple[str, ...]], Warmed] = {}
_begun: dict[bool, Warmed] = {}  # those that nobody has asked for yet
_making = threading.Lock()


def begin_warming(contain: bool) -> None:
    """Start the process that `warmed` will be asked for.

    Raises:
        NoContainment: see Warmed.
    """
    with _making:
        if contain not in _begun:
            _begun[contain] = _make(contain)


def warmed(contain: bool, modules: tuple[str, ...] = ()) -> Warmed:
    """The warmed process of this one, a new one if it has ended.

    Args:
        modules: what it imports for all kernels.

    Raises:
        NoContainment, Broken: see Warmed and Warmed.import_ahead.
    """
    with _making:  # two threads that ask at the same time get the same one
        key = contain, modules
        if key not in _warmed or _warmed[key].process.poll() is not None:
            new = _begun.pop(contain, None) or _make(contain)
            new.import_ahead(modules)
            gc.freeze()  # what is imported by now stays; else its collector looks through it again and again,
            _warmed[key] = new
        return _warmed[key]


def _make(contain: bool) -> Warmed:
    new = Warmed(contain)
    atexit.register(new.close)
    atexit.register(gc.freeze)  # and for half a second before all ends
    return new


class Provisioner(KernelProvisionerBase):
    """Jupyter's way to start, watch and end a kernel, for kernels of a Sandbox."""

    sandbox: Sandbox
    options: tuple[dict[str, int], list[str], list[str]]  # of Sandbox.fork, after the connection
    parent: "ContainedKernelManager"
    number = 0  # of the kernel in its sandbox; 0 until there is one
    killed = False  # by us
    counted = 0.0  # seconds of its computing that were counted so far

    @property
    def has_process(self) -> bool:
        return self.number > 0

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        return await super().pre_launch(cmd=["kernel"], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        session = self.parent.session
        connection: KernelConnectionInfo = {"transport": "ipc", "signature_scheme": session.signature_scheme}
        connection |= {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
        fork = functools.partial(self.sandbox.fork, connection | {"key": session.key.decode()}, *self.options)
        self.number = await asyncio.get_running_loop().run_in_executor(None, fork)
        connection |= {"ip": str(self.sandbox.folder / str(self.number) / "k"), "key": session.key}
        return connection

    @property
    def status(self) -> int | None:
        """How the kernel ended: its exit code, negative for a signal; None while it lives."""
        return self.sandbox.ended.get(self.number)

    async def poll(self) -> int | None:
        return 0 if not self.has_process or self.status is not None else None

    async def wait(self) -> None:
        while await self.poll() is None:
            await asyncio.sleep(0.02)
        self.sandbox.forget(self.number)

    async def send_signal(self, signum: int) -> None:
        self.killed |= signum == signal.SIGKILL
        self.sandbox.signal(self.number, signum)

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.kill()

    async def cleanup(self, restart: bool = False) -> None:
        pass


class ContainedKernelClient(AsyncKernelClient):
    """A kernel client that is ready when its kernel is."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Jupyter's way, without the 0.2 seconds that it then waits for more messages; nbclient passes over those."""
        deadline = time.monotonic() + (timeout or math.inf)
        while time.monotonic() < deadline:
            self.kernel_info()
            with contextlib.suppress(Empty):
                if (await self.get_shell_msg(timeout=1))["msg_type"] == "kernel_info_reply":
                    await self.get_iopub_msg(timeout=0.2)  # nothing comes of what was sent before it was connected
                    return
            if not await self.is_alive():
                raise RuntimeError("it ended before it had answered")
        raise RuntimeError(f"it didn't answer in {timeout} seconds")


class ContainedKernelManager(AsyncKernelManager):
    """A kernel manager whose kernels come from a Sandbox.

    Args:
        limits: like LIMITS.
        before, given: what the kernel is given, see Sandbox.fork.
    """

    client_factory = ContainedKernelClient
    provisioner: Provisioner

    def __init__(self, sandbox: Sandbox, limits: dict[str, int], before: list[str], given: list[str]):
        super().__init__(transport="ipc", shutdown_wait_time=0, log=QUIET)
        self.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        self.context.setsockopt(zmq.RCVHWM, MESSAGES)
        self._kernel_spec = KernelSpec(display_name="contained", language="python")
        self.provisioner = Provisioner(kernel_id="contained", kernel_spec=self._kernel_spec, parent=self)
        self.provisioner.sandbox, self.provisioner.options = sandbox, (limits, before, given)

    async def end(self) -> None:
        """Kill the kernel; Jupyter's own way looks ten times a second only whether it has ended."""
        await self.provisioner.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.provisioner.wait(), timeout=KILLED)
