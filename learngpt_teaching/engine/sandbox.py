"""Kernels for students' code: forked from a warmed parent inside bubblewrap, and watched from outside."""

import asyncio
import atexit
import contextlib
import ctypes
import functools
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import KernelProvisionerBase

import learngpt
import learngpt_teaching

# For one kernel and all that it starts. Bytes, seconds, numbers.
LIMITS = {
    "cpu": 300,  # seconds of computing of one process
    "data": 3 << 30,  # memory of one process
    "memory": 4 << 30,  # memory of all processes together
    "disk": 64 << 20,  # what it may write, all of it in memory
    "fsize": 64 << 20,
    "nproc": 64,
    "nofile": 256,
}
MESSAGE_BYTES = 32 << 20  # of one message from a kernel; a larger one closes the connection
MESSAGES = 50  # that wait to be read
WHY_NOT = (
    "Students' code can't be contained here: {reason}. On Debian or Ubuntu, `apt-get install bubblewrap libseccomp2`. "
    "Where there is no bubblewrap, as on macOS and Windows, grade in a virtual machine or a container that holds "
    "nothing you care for, and set `c.Contained.contain = False` in nbgrader_config.py: then the code has your rights."
)


class NoContainment(Exception):
    """This machine can't grade as it is asked to. The message says what to install or to set."""


@functools.cache
def must_contain():
    """The path of a bubblewrap that works.

    Raises:
        NoContainment: there is none.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NoContainment(WHY_NOT.format(reason="there is no bubblewrap (`bwrap`)"))
    tried = subprocess.run([bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise NoContainment(WHY_NOT.format(reason=f"bubblewrap says «{tried.stderr.strip()}»"))
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        raise NoContainment(WHY_NOT.format(reason="there is no libseccomp")) from None
    return bwrap


def must_be_ready(contain):
    """See that kernels can be started here, contained if that is asked for.

    Raises:
        NoContainment: they can't.
    """
    if not hasattr(os, "fork"):
        raise NoContainment("Grading needs Linux or macOS, because its kernels are forked. On Windows, use WSL.")
    if contain:
        must_contain()


class Sandbox:
    """A warmed parent, inside bubblewrap if `contain`, that forks kernels.

    Raises:
        NoContainment: `contain` is asked for, and bubblewrap is missing or doesn't work.
    """

    def __init__(self, contain=True):
        self.contain = contain
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self.pids, self.ended = {}, set()  # number of a kernel -> its pid, as the warmed parent sees it
        self._seen = {}  # number of a kernel -> its process, as it is seen from here
        self.folder = Path(tempfile.mkdtemp(prefix="lg-"))
        os.chmod(self.folder, 0o711)
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "learngpt_teaching.kernel.warm", str(theirs.fileno())]
        command += ["/run/kernels", "contained"] if contain else [str(self.folder), "open"]
        environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        environment |= {key: os.environ[key] for key in ("ATEN_CPU_CAPABILITY",) if key in os.environ}
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
        self._lines = ours.makefile("r", encoding="utf-8")
        if not self._lines.readline():
            self.process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().split("\n")[-1]
            self.close()
            raise RuntimeError(f"The parent of the kernels doesn't start: {said}")
        threading.Thread(target=self._listen, daemon=True).start()

    def _bubblewrap(self):
        package = Path(learngpt.__file__).resolve().parent
        read = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives"]
        read += [sys.base_prefix, sys.prefix, str(package), str(package.parent / "data")]
        teaching = Path(learngpt_teaching.__file__).resolve().parent
        read += [str(teaching / "__init__.py"), str(teaching / "kernel")]
        command = [must_contain(), "--die-with-parent", "--new-session", "--unshare-ipc", "--unshare-pid"]
        command += ["--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        if os.geteuid() == 0:  # the children become nobody
            command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
        command += ["--tmpfs", "/tmp"]  # first, for what is needed may lie below it
        for folder in sorted({str(parent) for path in read for parent in Path(path).parents}):
            command += ["--perms", "0755", "--dir", folder]
        for path in dict.fromkeys(read):
            command += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind-try", path, path]
        command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run/scratch", "--dir", "/run/kernel"]
        command += ["--bind", str(self.folder), "/run/kernels", "--setenv", "PYTHONPATH", str(package.parent)]
        return [*command, "--remount-ro", "/dev", "--remount-ro", "/tmp", "--remount-ro", "/"]

    def _listen(self):
        for line in self._lines:
            news = json.loads(line)
            with self._changed:
                if "forked" in news:
                    self.pids[news["forked"]] = news["pid"]
                else:
                    self.ended.add(news["ended"])
                self._changed.notify_all()
        with self._changed:  # the parent is gone, and all kernels with it
            self.ended.update(self.pids)
            self._changed.notify_all()

    def _ask(self, **what):
        with self._changed:
            self._channel.sendall(json.dumps(what).encode() + b"\n")

    def fork(self, connection, limits, files):
        """Start a kernel that finds files, {path: text}, above its folder; its number."""
        number = next(self._numbers)
        folder = self.folder / str(number)
        folder.mkdir(mode=0o700)
        if self.contain and os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        here = "/run/kernel" if self.contain else str(folder)
        self._ask(fork=number, connection=connection | {"ip": f"{here}/k"}, limits=limits, files=files)
        with self._changed:
            self._changed.wait_for(lambda: number in self.pids or self.process.poll() is not None, timeout=60)
        if number not in self.pids:
            raise RuntimeError("The parent of the kernels has ended.")
        return number

    def signal(self, number, signum):
        with contextlib.suppress(OSError):
            self._ask(signal=number, number=signum)

    def forget(self, number):
        """Remove what a kernel that has ended leaves behind."""
        shutil.rmtree(self.folder / str(number), ignore_errors=True)

    def usage(self, number):
        """Seconds of computing so far and bytes of memory now, of a kernel and all that it started."""
        seconds = memory = 0
        for process in self._tree(number):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seconds += sum(times[:4])  # user, system, and those of children that have ended
                memory += process.memory_info().rss
        return seconds, memory

    def memory(self, number):
        """Bytes of memory of a kernel and all that it started, what they share counted once; this takes longer."""
        total = 0
        for process in self._tree(number):
            with contextlib.suppress(psutil.Error):
                total += getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss
        return total

    def _tree(self, number):
        """The processes of a kernel and all that it started."""
        try:
            if number not in self._seen:
                self._seen[number] = self._find(self.pids[number])
            kernel = self._seen[number]
            return [kernel, *kernel.children(recursive=True)]
        except psutil.Error:
            return []

    def _find(self, pid):
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

    def close(self):
        """End the warmed parent and all its kernels."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


_sandboxes = {}


def sandbox(contain):
    """The warmed parent of this process, a new one if it has ended.

    Raises:
        NoContainment: see Sandbox.
    """
    if contain not in _sandboxes or _sandboxes[contain].process.poll() is not None:
        _sandboxes[contain] = Sandbox(contain)
        atexit.register(_sandboxes[contain].close)
    return _sandboxes[contain]


class Provisioner(KernelProvisionerBase):
    """Jupyter's way to start, watch and end a kernel, for kernels of a Sandbox."""

    sandbox, limits, files, number = None, None, None, None

    @property
    def has_process(self):
        return self.number is not None

    async def pre_launch(self, **kwargs):
        return await super().pre_launch(cmd=["kernel"], **kwargs)

    async def launch_kernel(self, cmd, **kwargs):
        session = self.parent.session
        ports = {f"{name}_port": port for port, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
        connection = {"transport": "ipc", "signature_scheme": session.signature_scheme, **ports}
        fork = functools.partial(self.sandbox.fork, connection | {"key": session.key.decode()}, self.limits, self.files)
        self.number = await asyncio.get_running_loop().run_in_executor(None, fork)
        return connection | {"ip": str(self.sandbox.folder / str(self.number) / "k"), "key": session.key}

    async def poll(self):
        return None if self.number is not None and self.number not in self.sandbox.ended else 0

    async def wait(self):
        while await self.poll() is None:
            await asyncio.sleep(0.02)
        self.sandbox.forget(self.number)
        self.number = None

    async def send_signal(self, signum):
        self.sandbox.signal(self.number, signum)

    async def kill(self, restart=False):
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart=False):
        await self.kill()

    async def cleanup(self, restart=False):
        pass


class ContainedKernelManager(AsyncKernelManager):
    """A kernel manager whose kernels come from a Sandbox.

    Args:
        limits: like LIMITS.
        files: {path: text} that a kernel finds above the folder in which it runs.
    """

    def __init__(self, sandbox, limits=LIMITS, files=None):
        super().__init__(transport="ipc", shutdown_wait_time=0)
        self.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        self.context.setsockopt(zmq.RCVHWM, MESSAGES)
        self._kernel_spec = KernelSpec(display_name="contained", language="python")
        self.provisioner = Provisioner(kernel_id="contained", kernel_spec=self._kernel_spec, parent=self)
        self.provisioner.sandbox, self.provisioner.limits, self.provisioner.files = sandbox, limits, files or {}
