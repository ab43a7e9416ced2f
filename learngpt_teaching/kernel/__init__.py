"""What runs inside the sandbox: the only part of this package that a student's kernel can see."""

import signal

EXAM = signal.SIGUSR1 if hasattr(signal, "SIGUSR1") else None  # asks a kernel to let a copy of itself sit an exam
