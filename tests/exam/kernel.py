"""A copy of a process that answers an exam, as the grader makes one, without its sandbox."""

import os
import signal
import socket

from learngpt_teaching.exam import answering, asking
from learngpt_teaching.week1.exam import EXAMS


def examine(namespace, grade_ids, given=None, **options):
    """The Result of an exam that a forked copy of this process answers with these names."""
    return with_child(
        lambda channel: answering.answer(channel, namespace, given),
        lambda channel: asking.take(channel, EXAMS, grade_ids, **options),
    )


def with_child(answers, asks):
    """What `asks` returns, given a socket to a child that runs `answers`."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        try:
            answers(theirs)
        finally:
            os._exit(0)
    theirs.close()
    try:
        return asks(ours)
    finally:
        ours.close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
