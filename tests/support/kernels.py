"""Notebook kernels, each in a fork of a process that has imported what all of them import.

A kernel takes four seconds of computing to import PyTorch, and none to be forked from a process that has it. Jupyter
starts this file in the place of ipykernel's launcher, with the path of a socket and with that of a connection file.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile

# None of the course: a kernel runs the packages of the checkout that asks for it. The first optimizer imports _dynamo.
IMPORTED = (
    "torch torch._dynamo ipykernel.kernelapp IPython.core.completerlib matplotlib.pyplot "
    "matplotlib_inline.backend_inline"
)
# PyTorch reads it when it is imported. Kernels have the plainest, as the replay of the notebooks wants them.
CAPABILITY, PLAINEST = "ATEN_CPU_CAPABILITY", "default"


@contextlib.contextmanager
def forked():
    """Inside of it, and in the programs that are started there, Jupyter's `python3` kernels are forked."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path, spec = os.path.join(folder, "socket"), os.path.join(folder, "kernels", "python3")
        os.makedirs(spec)
        with open(os.path.join(spec, "kernel.json"), "w") as file:
            argv = [sys.executable, "-S", __file__, path, "-f", "{connection_file}"]
            json.dump({"argv": argv, "display_name": "Python 3", "language": "python"}, file)
        listener.bind(path)
        listener.listen(64)  # whoever asks before it is ready waits
        command = [sys.executable, "-P", __file__, str(listener.fileno())]
        plain = os.environ | {CAPABILITY: PLAINEST}
        server = subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, cwd="/", env=plain)
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = os.pathsep.join([folder] + [before] * bool(before))
        try:
            yield
        finally:
            os.environ.pop("JUPYTER_PATH")
            if before:
                os.environ["JUPYTER_PATH"] = before
            server.kill()
            server.wait()


def serve(listener):
    """Fork a kernel for each connection, whose other end is `ask`."""
    import gc
    import importlib

    for name in IMPORTED.split():
        importlib.import_module(name)
    gc.freeze()  # so that a child's collector doesn't copy the pages of what is imported
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        channel, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _start(channel)
        channel.close()


def _start(channel):
    """Be the kernel that is asked for over a socket; a parent of it stays, and ends it when the other end goes."""
    message, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, 3)
    asked = json.loads(message)
    kernel = os.fork()
    if kernel:
        channel.sendall(f"{kernel}\n".encode())
        ended = os.pidfd_open(kernel)
        ready, _, _ = select.select([channel, ended], [], [])
        if ended not in ready:
            os.kill(kernel, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(kernel, 0)[1])
        with contextlib.suppress(OSError):
            channel.sendall(f"{code}\n".encode())
        os._exit(0)
    channel.close()
    os.setsid()
    for number, opened in enumerate(descriptors):
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    paths = asked["environment"].get("PYTHONPATH")
    sys.path[:0] = ["", *(paths.split(os.pathsep) if paths else [])]
    sys.argv = ["ipykernel_launcher", *asked["arguments"]]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
    os._exit(0)


def ask(path, *arguments):
    """Start a kernel, pass on to it what interrupts this process, and end as it does."""
    if os.environ.get(CAPABILITY, PLAINEST) != PLAINEST:
        os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", *arguments])
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(path)
        asked = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}
        socket.send_fds(channel, [json.dumps(asked).encode()], [0, 1, 2])
        answers = channel.makefile("r")
        kernel = int(answers.readline())
        signal.signal(signal.SIGINT, lambda *_: os.kill(kernel, signal.SIGINT))
        sys.exit(int(answers.readline() or 1))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(socket.socket(fileno=int(sys.argv[1])))
    else:
        ask(*sys.argv[1:])
