"""How a program ends that is stopped by Ctrl-C while it imports, or anywhere that nobody thought of; or by `| head`."""

import atexit
import contextlib
import os
import signal
import sys
import types

STOPPED = "Stopped. What was graded is kept; the same command goes on from here."


def end_with(message: str) -> None:
    """From now on, end with a sentence in place of a traceback, and at once: no thread is waited for.

    Where nobody reads any more what is printed, nothing is said.
    """

    def end(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses it twice sees no traceback
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.flush()
            print(f"\n{message}", file=sys.stderr, flush=True)
            code = 130
        elif issubclass(kind, BrokenPipeError) and not _is_read():
            code = 141
        else:
            sys.__excepthook__(kind, error, trace)
            return
        atexit._run_exitfuncs()  # ends the kernels and removes their folders; os._exit runs none of them
        os._exit(code)  # what a shell says of SIGINT and of SIGPIPE

    sys.excepthook = end


def _is_read() -> bool:
    """Whether anybody still reads what is printed: after `| head` nobody may."""
    try:
        print(flush=True)
    except BrokenPipeError:
        return False
    return True
