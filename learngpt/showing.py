"""What a notebook shows to the person who sits at it."""

import os
import shlex
import subprocess

from IPython import get_ipython


class Plain(str):
    """Text that a notebook shows without quotes."""

    def __repr__(self):
        return str(self)


def run_script(script):
    """Run JavaScript in the page of the person who sits at the notebook; it shows nothing."""
    if shell := get_ipython():
        shell.display_pub.publish({"application/javascript": script, "text/plain": ""})


def watched():
    """Whether a person sits at the notebook: only then can its kernel ask for input.

    What moves or can be moved is for them alone. The saved output of a notebook that was executed by a program should
    not depend on how fast it was, nor hold controls that have no kernel to talk to.
    """
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return False
    return bool(shell.kernel.get_parent().get("content", {}).get("allow_stdin"))


def in_terminal(*parts):
    """A command as this system's terminal takes it, also where a path has spaces: str."""
    words = [str(part) for part in parts]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
