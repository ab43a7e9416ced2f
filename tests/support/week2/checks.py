"""The check of the second assignment: a head that multiplies."""

import torch
from learngpt.week2 import TODOS

from learngpt.checking import CheckFailed, compare, passed, run, seeded, set_up_notebook

__all__ = ["CheckFailed", "multiplies", "passed"]


def multiplies(Head, factor, B=2, T=3, C=4, seed=0):
    """`Head()(x)` is `factor` times the mean of the past."""
    x = torch.randn(B, T, C, generator=seeded(seed))
    out = run(f"{Head.__name__}()(x)", Head(), x)
    mean = x.cumsum(1) / torch.arange(1, T + 1)[:, None]
    known = [("the mean comes back as it is.", mean)]
    compare(f"The output is not {factor} times the mean of the past.", out, factor * mean, known)


set_up_notebook(TODOS)
