# Run by each kernel that `make lab` starts, through PYTHONSTARTUP, before any cell.
import contextlib

with contextlib.suppress(ImportError):  # or by the Python of a terminal, which may know nothing of the course
    import learngpt.fresh

    learngpt.fresh.set_up()
    del learngpt
del contextlib
