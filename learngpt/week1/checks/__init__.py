"""The checks of the notebooks: what is true of a right answer, and what a wrong one most likely did.

Each function takes a learner's class and sizes or data to try it on. It returns nothing if the class does what it
should, and raises CheckFailed with an explanation if it doesn't. The last line of a graded cell is `passed(points)`.
"""

from learngpt.checking import CheckFailed, passed, set_up_notebook
from learngpt.week1 import TODOS
from learngpt.week1.checks.attention import (
    attention_ignores_the_order_of_the_past,
    attention_never_looks_ahead,
    attention_rows_sum_to_one,
    attention_variance_is_kept,
    attention_variance_is_one,
    attention_weights_are_scaled_softmax,
)
from learngpt.week1.checks.generating import (
    generate_appends,
    generate_crops,
    generate_samples,
    generate_writes_likelier_text,
)
from learngpt.week1.checks.heads import (
    averages_the_past,
    future_weights_are_zero,
    keeps_examples_and_future_apart,
    lets_gradients_through,
    needs_no_loop,
    weight_rows_sum_to_one,
)
from learngpt.week1.checks.models import head_trains_and_generates, makes_logits, model_trains_and_generates
from learngpt.week1.checks.positions import (
    adds_positions,
    encodings_are_sinusoidal,
    encodings_differ,
    encodings_keep_distances,
    tells_positions_apart,
)

__all__ = [
    "CheckFailed",
    "adds_positions",
    "attention_ignores_the_order_of_the_past",
    "attention_never_looks_ahead",
    "attention_rows_sum_to_one",
    "attention_variance_is_kept",
    "attention_variance_is_one",
    "attention_weights_are_scaled_softmax",
    "averages_the_past",
    "encodings_are_sinusoidal",
    "encodings_differ",
    "encodings_keep_distances",
    "future_weights_are_zero",
    "generate_appends",
    "generate_crops",
    "generate_samples",
    "generate_writes_likelier_text",
    "head_trains_and_generates",
    "keeps_examples_and_future_apart",
    "lets_gradients_through",
    "makes_logits",
    "model_trains_and_generates",
    "needs_no_loop",
    "passed",
    "tells_positions_apart",
    "weight_rows_sum_to_one",
]

set_up_notebook(TODOS)
