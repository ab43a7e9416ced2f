"""What runs inside the sandbox: the only part of this package that a student's kernel can see."""

import signal

# Asks a kernel to let a copy of itself sit an exam. Windows has no such signal; there no kernel starts.
EXAM: signal.Signals = getattr(signal, "SIGUSR1", None)
