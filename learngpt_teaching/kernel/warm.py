"""The warmed process: it has imported PyTorch and the checks, and forks parents, which fork kernels when asked.

`python -m learngpt_teaching.kernel.warm FD FOLDER contained` imports the modules that it is sent over the socket FD, a
JSON list in one line, and forks a parent for each socket that it is sent then. A parent serves requests, one JSON
object a line. All of it runs inside bubblewrap; each kernel then gets user, process, mount, network and IPC namespaces
of its own inside that, in which it can see neither these processes nor another kernel, and can't write but to a small
folder in memory.

Nothing here may start a thread: only the thread that forks lives on in the child.
"""

import builtins
import contextlib
import ctypes
import errno
import functools
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from ipykernel.kernelapp import IPKernelApp
from IPython.core.inputtransformer2 import TransformerManager
from traitlets.config import Config

from learngpt import carrying, checking
from learngpt_teaching.exam.answering import answer, put_back_state
from learngpt_teaching.kernel import EXAM

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (  # linux/sched.h
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
)  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 4096  # sys/mount.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38  # linux/prctl.h
ALLOW, ERRNO, NOT_EQUAL, MASKED_EQUAL = 0x7FFF0000, 0x00050000, 1, 7  # seccomp.h
# Memory that no limit counts, and ways to rights that were given up. Of clone, see _forbid_calls.
FORBIDDEN = (
    "memfd_create memfd_secret shmget msgget semget io_uring_setup clone3 unshare setns mount fsopen fsmount open_tree "
    "move_mount bpf userfaultfd perf_event_open ptrace process_vm_readv process_vm_writev add_key request_key keyctl"
)
NOBODY = 65534
FOR_THE_EXAM = {"data": 1 << 30, "nproc": 8}  # beyond the limits, if a student's cell has used all that they allow
HERE = "/run/kernel"  # where a contained kernel finds its sockets
SCRATCH = "/run/scratch"  # where it may write

Names = dict[str, Any]  # of a notebook, or a part of them

libc = ctypes.CDLL(None, use_errno=True)


def serve_parents(channel: socket.socket, folder: str, contained: bool) -> None:
    """Fork a parent of kernels for each socket that comes over the channel, until its other end is closed.

    Each serves one notebook. What it is sent, solved notebooks among it, is never in the memory of another one, nor in
    this process, so no kernel of another notebook inherits it.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    channel.sendall(b"ready\n")
    while True:
        message, [*descriptors], _, _ = socket.recv_fds(channel, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            channel.close()
            _die_with_parent()
            serve(socket.socket(fileno=descriptors[0]), folder, contained)
            os._exit(0)
        os.close(descriptors[0])


def serve(channel: socket.socket, folder: str, contained: bool) -> None:
    """Answer requests until the other end of the channel is closed; then end all kernels.

    {"fork": n, "connection": {...}, "limits": {...}, "before": [...], "given": [...], "solutions": [...]} ->
        {"forked": n, "pid": p}, and later {"ended": n, "status": s}, where s is negative for a signal. With solutions,
        sources of the course's own, it is no kernel, but waits for the exam.
    {"signal": n, "number": s} sends a signal to kernel n.
    """
    kernels: dict[int, tuple[int, int]] = {}  # n -> (the process that waits for the kernel, the kernel)
    prepared: dict[str, tuple[Names, Names]] = {}  # what kernels are given, by the sources that it is made of
    wakeup, wake = os.pipe()
    for end in (wakeup, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {EXAM})  # a kernel that isn't ready for it gets it when it is
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    poller.register(wakeup, select.POLLIN)

    def say(**what: int) -> None:
        channel.sendall(json.dumps(what).encode() + b"\n")

    say(ready=os.getpid())
    unread = b""
    while True:
        ready = [number for number, _ in poller.poll()]
        if wakeup in ready:
            os.read(wakeup, 1 << 16)
            for number, (waiting, _) in list(kernels.items()):
                ended, status = os.waitpid(waiting, os.WNOHANG)
                if ended:
                    del kernels[number]
                    code = os.waitstatus_to_exitcode(status)
                    say(ended=number, status=128 - code if code > 128 else code)
        if channel.fileno() not in ready:
            continue
        received = channel.recv(1 << 16)
        if not received:
            for _, kernel in kernels.values():
                os.kill(kernel, signal.SIGKILL)
            return
        *lines, unread = (unread + received).split(b"\n")
        for request in map(json.loads, lines):
            if "fork" in request:
                number = request["fork"]
                sources = json.dumps([request["before"], request["given"]])
                if sources not in prepared:
                    prepared[sources] = _prepare(request["before"], request["given"])
                place = os.path.join(folder, str(number))
                kernels[number] = _fork(request, place, contained, *prepared[sources])
                say(forked=number, pid=kernels[number][1])
            elif request["signal"] in kernels:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(kernels[request["signal"]][1], request["number"])


def _prepare(before: list[str], given: list[str]) -> tuple[Names, Names]:
    """What the kernels of a notebook are given: the classes of notebooks before it, and the names of its given cells.

    All this is the course's own code. It runs here once, so that a kernel need not have its source.
    """
    classes = carrying.classes_of(before)
    carrying.provide(classes)
    namespace: Names = {}
    for source in given:
        exec(TransformerManager().transform_cell(source), namespace)
    return classes, {name: value for name, value in namespace.items() if not name.startswith("__")}


def _fork(request: dict[str, Any], folder: str, contained: bool, classes: Names, given: Names) -> tuple[int, int]:
    """Start a kernel under a process that waits for it, and return the numbers of both."""
    reading, writing = os.pipe()
    waiting = os.fork()
    if waiting:
        os.close(writing)
        with os.fdopen(reading) as answer:
            return waiting, int(answer.read() or waiting)
    try:
        signal.set_wakeup_fd(-1)
        _die_with_parent()
        if contained:
            _enter_namespaces()
        kernel = os.fork()
        if kernel:
            os.write(writing, str(kernel).encode())
            os.closerange(3, 256)
            code = os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
            os._exit(128 - code if code < 0 else min(code, 127))  # above 128 is a signal, and nothing else is
        _die_with_parent()
        os.closerange(3, 256)
        _become_kernel(request, folder, contained, classes, given)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _enter_namespaces() -> None:
    if os.geteuid() == 0:  # of the machine: no limit on processes would hold for root
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        libc.prctl(PR_SET_DUMPABLE, 1)  # else /proc/self isn't ours to write
        _die_with_parent()  # a change of user forgets it
    user, group = os.geteuid(), os.getegid()
    _call(libc.unshare, NEWUSER | NEWPID | NEWNS | NEWIPC | NEWUTS | NEWNET)
    for name, value in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(value)


class _Kernel(IPKernelApp):
    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """There is none."""


def _become_kernel(request: dict[str, Any], folder: str, contained: bool, classes: Names, given: Names) -> NoReturn:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if contained:
        _mount(folder, request["limits"])
    base = SCRATCH if contained else folder
    os.makedirs(os.path.join(base, "work"))
    os.chdir(os.path.join(base, "work"))
    os.environ.pop("JPY_PARENT_PID", None)
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    carrying.provide(classes)
    place = os.path.join(HERE if contained else folder, "exam")
    if request["solutions"]:
        _sit_for_the_course(request, place, given, contained)
    with open("../connection.json", "w") as file:
        json.dump(request["connection"], file)
    config = Config({"HistoryManager": {"enabled": False}})
    app = _Kernel.instance(connection_file=os.path.abspath("../connection.json"), log_level=50, config=config)
    app.initialize()
    os.unlink("../connection.json")
    checking.set_up_notebook()
    names = app.shell.user_ns
    app.shell.ask_exit = lambda: None  # exit() in a cell of the student's ends nothing
    signal.signal(EXAM, lambda *_: _sit_in_a_copy(place, names, given))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {EXAM})
    app.shell.put_back = functools.partial(_put_back, names, given)
    if contained:
        _give_up_rights(request["limits"])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # until here it told the parent why a kernel doesn't start
    app.start()
    os._exit(0)


def _sit_in_a_copy(place: str, names: Names, given: Names) -> None:
    """Let a copy of this kernel, as it is now, answer the questions of an exam; the kernel itself never sees them."""
    _allow(True)
    if os.fork():
        _allow(False)
    else:
        os.closerange(3, 4096)  # of the kernel's sockets it needs none
        _sit(place, names, given)


def _allow(more: bool) -> None:
    """Lift the limits by FOR_THE_EXAM, or let them down again."""
    for name in FOR_THE_EXAM:
        which = getattr(resource, f"RLIMIT_{name.upper()}")
        soft, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY:
            resource.setrlimit(which, (hard if more else hard - FOR_THE_EXAM[name], hard))


def _sit(place: str, names: Names, given: Names) -> NoReturn:
    with contextlib.suppress(BaseException), socket.socket(socket.AF_UNIX) as channel:
        channel.connect(place)
        # What a student's code calls may bear a name of the course's; a class of an earlier notebook is the course's.
        own = {name for name, value in names.items() if callable(value) and not isinstance(value, type)}
        _give_names_back(names, {name: value for name, value in given.items() if name not in own})
        answer(channel, names)
    os._exit(0)


def _sit_for_the_course(request: dict[str, Any], place: str, given: Names, contained: bool) -> NoReturn:
    """Answer an exam with the course's own solutions, where and as a student's would be."""
    names = dict(given)
    for source in request["solutions"]:
        exec(TransformerManager().transform_cell(source), names)
    if contained:
        _give_up_rights(request["limits"])
    signal.signal(EXAM, lambda *_: _sit(place, names, given))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {EXAM})
    while True:
        signal.pause()


def _put_back(names: Names, given: Names) -> None:
    """Give the course's names and PyTorch's state back to a notebook before one of its checks."""
    _give_names_back(names, given)
    put_back_state()


def _give_names_back(names: Names, given: Names) -> None:
    """Those of the course's own cells, and those of Python's that `from torch import *` takes, `float` among them."""
    names.update(given)
    for name in vars(builtins):
        if name in names and names[name] is getattr(torch, name, builtins):
            del names[name]


def _mount(folder: str, limits: dict[str, int]) -> None:
    """Leave the kernel the files that it needs, and nothing else to write to."""

    def tmpfs(place: str, size: int | str, flags: int = MS_NOSUID | MS_NODEV) -> None:
        _call(libc.mount, b"tmpfs", place.encode(), b"tmpfs", flags, f"size={size},nr_inodes=4096".encode())

    _call(libc.mount, folder.encode(), HERE.encode(), None, MS_BIND, None)
    tmpfs(os.path.dirname(folder), "4k", MS_RDONLY)
    tmpfs("/proc", "4k", MS_RDONLY)
    tmpfs("/dev/shm", "16m")
    tmpfs(SCRATCH, limits["disk"])


def _give_up_rights(limits: dict[str, int]) -> None:
    """After the kernel has made its sockets and before any code of a student runs."""
    _call(libc.mount, None, HERE.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, None)
    for name in ("data", "fsize", "nproc", "nofile"):
        most = limits[name] + FOR_THE_EXAM.get(name, 0)
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (limits[name], most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _call(libc.capset, header, (ctypes.c_uint32 * 6)())
    _call(libc.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _forbid_calls()


class _Comparison(ctypes.Structure):  # scmp_arg_cmp
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64)]


def _computing(argument: int) -> _Comparison:
    """That an argument, of which the system reads the lower half, says RLIMIT_CPU."""
    return _Comparison(argument, MASKED_EQUAL, 0xFFFFFFFF, resource.RLIMIT_CPU)


def _forbid_calls() -> None:
    """Let the kernel of the system answer that it doesn't know certain calls."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(ALLOW))
    new_user = _Comparison(0, MASKED_EQUAL, NEWUSER, NEWUSER)
    # Sockets between processes alone: AF_VSOCK is in no namespace, AF_NETLINK talks to the system.
    other_family = _Comparison(0, NOT_EQUAL, socket.AF_UNIX)
    calls: list[tuple[str, list[_Comparison]]] = [(name, []) for name in FORBIDDEN.split()]
    calls += [("clone", [new_user]), ("socket", [other_family]), ("socketpair", [other_family])]
    # The system kills who goes beyond a limit on computing as it kills who takes too much memory: no kernel sets one.
    calls += [("setrlimit", [_computing(0)]), ("prlimit64", [_computing(1), _Comparison(2, NOT_EQUAL, 0)])]
    for name, conditions in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # an old libseccomp doesn't know the newest
            count, array = len(conditions), (_Comparison * len(conditions))(*conditions)
            _call(seccomp.seccomp_rule_add_array, rules, ERRNO | errno.ENOSYS, number, count, array)
    _call(seccomp.seccomp_load, rules)


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}{arguments}: {os.strerror(number)}")


def _import(*modules: str) -> None:
    for module in modules:
        with contextlib.suppress(ModuleNotFoundError):  # a name that a module has, and no module itself
            importlib.import_module(module)


if __name__ == "__main__":
    # Each kernel would import it, for as long as the rest of its start takes; None is how Python is told not to.
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # typeshed knows modules alone
    _import("ipykernel.debugger", "IPython.core.completerlib", "IPython.extensions.storemagic")
    _import("IPython.core.oinspect", "IPython.core.debugger", "IPython.core.logger", "tornado.platform.asyncio")
    channel = socket.socket(fileno=int(sys.argv[1]))
    asked = b""
    while not asked.endswith(b"\n") and (more := channel.recv(1 << 16)):
        asked += more
    if asked:  # else who started this has ended
        _import(*json.loads(asked))
        gc.freeze()  # so that a child's collector doesn't copy the pages of what is imported
        gc.enable()
        serve_parents(channel, sys.argv[2], contained=sys.argv[3] == "contained")
