"""What a notebook shows to the person who sits at it."""

from IPython import get_ipython


class Plain(str):
    """Text that a notebook shows without quotes."""

    def __repr__(self):
        return str(self)


def watched():
    """Whether a person sits at the notebook: only then can its kernel ask for input.

    What moves or can be moved is for them alone. The saved output of a notebook that was executed by a program should
    not depend on how fast it was, nor hold controls that have no kernel to talk to.
    """
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return False
    return bool(shell.kernel.get_parent().get("content", {}).get("allow_stdin"))
