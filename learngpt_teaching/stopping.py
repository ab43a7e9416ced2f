"""How a program ends that is stopped by Ctrl-C while it imports, or anywhere that nobody thought of."""

import atexit
import os
import signal
import sys
import types

STOPPED = "Stopped. What was graded is kept; the same command goes on from here."


def end_with(message: str) -> None:
    """From now on, end with a sentence in place of a traceback, and at once: no thread is waited for."""

    def end(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses it twice sees no traceback
        sys.stdout.flush()
        print(f"\n{message}", file=sys.stderr, flush=True)
        atexit._run_exitfuncs()  # ends the kernels and removes their folders; os._exit runs none of them
        os._exit(130)  # as a shell says of Ctrl-C

    sys.excepthook = end
