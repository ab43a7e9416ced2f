"""What goes into HeadVer1.__call__."""

import numpy as np
import torch
from torch import nn

from tests.answers import right, wrong

CLASS = "HeadVer1"
MEANS = "head_v1_averages_the_past"
APART = "head_v1_never_mixes_examples_nor_looks_ahead"
TRAINS = "gpt_v2_trains_and_generates"


@wrong("adds up instead of averaging", MEANS, "added up but not divided")
def sums(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].sum(0)
    return out


@wrong("divides by T", MEANS, "divided by T, not by t + 1")
def divides_by_length(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].sum(0) / T
    return out


@wrong("leaves position t out", MEANS, "position t itself is left out")
def stops_short(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, :t].mean(0)
    return out


@wrong("leaves position t out but for the first", MEANS, "position t itself is left out")
def stops_short_but_first(x, B, T, C):
    out = x.clone()
    for b in range(B):
        for t in range(1, T):
            out[b, t] = x[b, :t].mean(0)
    return out


@wrong("looks one ahead", APART, "Position 0 changed by")
def looks_one_ahead(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 2].mean(0)
    return out


@wrong("averages the whole line", APART, "never ahead")
def whole_line(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b].mean(0)
    return out


@wrong("averages the future", APART, "never ahead")
def averages_the_future(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, t:].mean(0)
    return out


@wrong("averages over the batch too", APART, "Examples of a batch are different texts")
def mixes_examples(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[:, : t + 1].mean((0, 1))
    return out


@wrong("takes example 0 for all", APART, "Examples of a batch are different texts")
def first_example_only(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[0, : t + 1].mean(0)
    return out


@wrong("averages the channels", MEANS, "the average runs over the channels")
def averages_channels(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, t].mean()
    return out


@wrong("forgets to fill the result", MEANS, "all zeros: it was made, but never filled")
def never_filled(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            mean = x[b, : t + 1].mean(0)  # noqa: F841
    return out


@wrong("returns the input", MEANS, "the input came back unchanged")
def identity(x, B, T, C):
    return x


@wrong("knows only the example in the notebook", MEANS, "The first difference is at")
def fitted_to_the_example(x, B, T, C):
    if T == 3:
        return torch.stack((x[:, 0], (x[:, 0] + x[:, 1]) / 2, x.mean(1)), 1)
    return x.flip(1)


@wrong("forgets the return", MEANS, "is None, not a tensor")
def no_return(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(0)


@wrong("returns inside of the loop", MEANS, "The first difference is at")
def returns_too_early(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(0)
        return out


@wrong("returns a list", MEANS, "is a list, not a tensor")
def returns_list(x, B, T, C):
    return [[x[b, : t + 1].mean(0) for t in range(T)] for b in range(B)]


@wrong("returns a numpy array", MEANS, "is a ndarray, not a tensor")
def returns_numpy(x, B, T, C):
    out = np.zeros((B, T, C), dtype="float32")
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].detach().numpy().mean(0)
    return out


@wrong("writes the means into the input", MEANS, "changed its input")
def in_place(x, B, T, C):
    for b in range(B):
        for t in reversed(range(T)):
            x[b, t] = x[b, : t + 1].mean(0)
    return x


@wrong("flattens the batch", MEANS, "has shape")
def wrong_shape(x, B, T, C):
    return torch.stack([x[b, : t + 1].mean(0) for b in range(B) for t in range(T)])


@wrong("copies numbers out of the graph", MEANS, "No gradient reaches the input")
def no_gradient(x, B, T, C):
    return torch.tensor([[x[b, : t + 1].mean(0).tolist() for t in range(T)] for b in range(B)])


@wrong("keeps the result of the last call", MEANS, "kept on self")
def kept_result(self, x, B, T, C):
    if not hasattr(self, "out"):
        self.out = torch.zeros(B, T, C)
    if self.out.shape != x.shape:
        self.out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            self.out[b, t] = x[b, : t + 1].mean(0)
    return self.out


@wrong("is still a syntax of another language", MEANS, "stops with TypeError")
def slice_as_list(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = [x[b, i] for i in range(t + 1)] / (t + 1)
    return out


@wrong("divides by t, not by t + 1", MEANS, "the sum was divided by t. Rows 0 to t")
def divides_by_t(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].sum(0) / max(t, 1)
    return out


@wrong("divides by t + 2", MEANS, "the sum was divided by t + 2")
def divides_by_t_plus_2(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].sum(0) / (t + 2)
    return out


@wrong("mean() without dim", MEANS, "one mean of all rows and channels was taken")
def one_mean_for_all_channels(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean()
    return out


@wrong("half of the row before, half of x[t]", MEANS, "each row is the mean of x[t] and the row before")
def moving_average(x, B, T, C):
    out = x.clone()
    for b in range(B):
        for t in range(1, T):
            out[b, t] = (out[b, t - 1] + x[b, t]) / 2
    return out


@wrong("averages rows that are averages already", MEANS, "read from x, write to another tensor")
def reads_what_it_writes(x, B, T, C):
    out = x.clone()
    for b in range(B):
        for t in range(T):
            out[b, t] = out[b, : t + 1].clone().mean(0)
    return out


@wrong("the sum goes on into the next example", MEANS, "the sum goes on from one example to the next")
def never_reset(x, B, T, C):
    out = torch.zeros_like(x)
    total = torch.zeros(C)
    for b in range(B):
        for t in range(T):
            total = total + x[b, t]
            out[b, t] = total / (t + 1)
    return out


@wrong("the last eight positions", MEANS, "only the last 8 positions are averaged")
def window(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, max(0, t - 7) : t + 1].mean(0)
    return out


@wrong("the last sixteen positions", MEANS, "only the last 16 positions are averaged")
def long_window(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, max(0, t - 15) : t + 1].mean(0)
    return out


@wrong("the mean of the first and the last row", MEANS, "only the first position and position t were averaged")
def first_and_last(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = (x[b, 0] + x[b, t]) / 2
    return out


@wrong("later rows weigh more", MEANS, "is 0.333 × row 0 + 0.667 × row 1")
def weighs_by_place(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            w = torch.arange(1.0, t + 2)
            out[b, t] = (w[:, None] * x[b, : t + 1]).sum(0) / w.sum()
    return out


@wrong("leaves row 0 out of the later means", MEANS, "position 0 is left out")
def skips_the_first(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, min(1, t) : t + 1].mean(0)
    return out


@wrong("the loop ends one row early", MEANS, "the last row was never filled")
def last_row_empty(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T - 1):
            out[b, t] = x[b, : t + 1].mean(0)
    return out


@wrong("a dropout on the result", MEANS, "something is drawn at random")
def dropout(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(0)
    return nn.functional.dropout(out, 0.2)


@wrong("float64 comes back", MEANS, "is torch.float64, expected torch.float32")
def float64(x, B, T, C):
    import numpy as np

    out = np.zeros((B, T, C))
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].detach().mean(0).numpy()
    return torch.from_numpy(out)


@wrong("b runs over T and t over B", MEANS, "b runs over 3 numbers, and dimension 0 of x has 1.")
def bounds_swapped(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(T):
        for t in range(B):
            out[b, t] = x[b, : t + 1].mean(0)
    return out


@wrong("rounds the means", MEANS, "rounded, to 1 decimals")
def rounded(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(0).round(decimals=1)
    return out


@wrong("loops over a number", MEANS, "range(B)")
def loops_over_a_number(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in B:
        out[b] = x[b].cumsum(0)
    return out


@wrong("takes all examples at once", MEANS, "x[b] is one example")
def all_examples(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[:, : t + 1].mean(1)
    return out


@wrong("leaves the gap of the hint", MEANS, "FILL_IN is a gap")
def leaves_the_gap(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = FILL_IN  # noqa: F821
    return out


@wrong("numpy for a tensor", MEANS, "Stay with torch")
def numpy_for_a_tensor(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = np.mean(x[b, : t + 1], axis=0)
    return out


@wrong("stacks all rows into one dimension", MEANS, "examples and positions were made one dimension")
def stacks_rows(x, B, T, C):
    return torch.stack([x[b, : t + 1].mean(0) for b in range(B) for t in range(T)])


@wrong("half precision on the way", MEANS, "float16 for a while")
def half_precision(x, B, T, C):
    return (x.cumsum(1) / torch.arange(1, T + 1)[:, None]).half().float()


@wrong("only the first row of each example", MEANS, "only the first row was filled")
def returns_in_the_loop(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(1):
            out[b, t] = x[b, : t + 1].mean(0)
    return out


@wrong("the wrong rows, and no division", MEANS, "A second mistake: the rows from t to the end")
def two_at_once(x, B, T, C):
    return x.flip(1).cumsum(1).flip(1)


@wrong("0 / 0 in a line of its own", MEANS, "The first nan comes up in this line: share = parts / parts")
def zero_by_zero(x, B, T, C):
    parts = torch.zeros(T, 1)
    share = parts / parts
    return share * x


@right("stacks the rows")
def stacked(x, B, T, C):
    return torch.stack([torch.stack([x[b, : t + 1].mean(0) for t in range(T)]) for b in range(B)])


@right("keeps a running sum")
def running_sum(x, B, T, C):
    out = torch.empty_like(x)
    for b in range(B):
        total = torch.zeros(C)
        for t in range(T):
            total = total + x[b, t]
            out[b, t] = total / (t + 1)
    return out


@right("in float64")
def double(x, B, T, C):
    out = torch.zeros(B, T, C, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].double().sum(0).div(t + 1)
    return out.float()


@right("without a loop already")
def cumulative(x, B, T, C):
    return x.cumsum(dim=1) / torch.arange(1, T + 1).unsqueeze(-1)


@right("three loops")
def three_loops(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            for s in range(t + 1):
                out[b, t] = out[b, t] + x[b, s] / (t + 1)
    return out


@right("updates the mean before by a step")
def running_update(x, B, T, C):
    out = x.clone()
    for b in range(B):
        for t in range(1, T):
            out[b, t] = out[b, t - 1].clone() + (x[b, t] - out[b, t - 1].clone()) / (t + 1)
    return out


@right("takes rows off the whole sum")
def backwards(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        total = x[b].sum(0)
        for t in range(T - 1, -1, -1):
            out[b, t] = total / (t + 1)
            total = total - x[b, t]
    return out


@right("counts from the end")
def negative_indices(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(-B, 0):
        for t in range(-T, 0):
            out[b, t] = x[b, : T + t + 1].mean(0)
    return out


@right("unbind, a list and view")
def unbound(x, B, T, C):
    rows = []
    for example in x.unbind(0):
        rows += [example[:n].mean(0) for n in range(1, T + 1)]
    return torch.cat(rows).view(B, T, C)


@right("adaptive_avg_pool1d")
def pooling(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = nn.functional.adaptive_avg_pool1d(x[b, : t + 1].T[None], 1)[0, :, 0]
    return out


@right("prints and warns")
def chatty(x, B, T, C):
    import warnings

    warnings.warn("slow", stacklevel=2)
    print(x.shape)
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = sum(x[b, : t + 1]) / (t + 1)
    return out


@wrong("the last row is left out, and nothing is divided", MEANS, "row 4 of each example was never filled")
def stops_before_the_last(x, B, T, C):
    out = torch.zeros(B, T, C)
    for t in range(T - 1):
        out[:, t] = x[:, : t + 1].sum(1)
    return out


@wrong("a slice of examples", MEANS, "the slice stands at the first place, which is that of the examples")
def slices_examples(x, B, T, C):
    rows = [[x[: t + 1, b].mean(0) for t in range(T)] for b in range(B)]
    return torch.stack([torch.stack(row) for row in rows])


@wrong("adds a number to each mean", MEANS, "Is something added to the mean?")
def shifted(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(0) - 0.5
    return out


@wrong("slices the channels", MEANS, "the slice [: t + 1] stands at the channels")
def slices_channels(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, :, : t + 1].mean(dim=1).mean()
    return out


@wrong("brackets missing in a running mean", MEANS, "brackets are missing")
def brackets_missing(x, B, T, C):
    out, mean = torch.zeros(B, T, C), torch.zeros(B, C)
    for t in range(T):
        mean = mean + (x[:, t] - mean) / max(t, 1) + 1
        out[:, t] = mean
    return out


@wrong("divides position 0 by 0", MEANS, "brackets are missing")
def brackets_missing_in_a_sum(x, B, T, C):
    return torch.stack([x[:, : t + 1].sum(1) / torch.tensor(t) + 1 for t in range(T)], 1)


@wrong("rows of one position after the other", MEANS, "collected position by position")
def position_by_position(x, B, T, C):
    means = [x[b, : t + 1].mean(0) for t in range(T) for b in range(B)]
    return torch.stack(means).view(B, T, C)


@wrong("one tensor for all rows, divided at the end", MEANS, "Does `+=` change a tensor that is kept already?")
def one_tensor_for_all_rows(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        total, rows = torch.zeros(C), []
        for t in range(T):
            total += x[b, t]
            rows.append(total)
        out[b] = torch.stack(rows) / torch.arange(1, T + 1)[:, None]
    return out


@wrong("JAX's way to write", MEANS, "A tensor can be written into")
def written_as_in_jax(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out = out.at[b, t].set(x[b, : t + 1].mean(0))
    return out


@wrong("keeps its first result", MEANS, "something is kept from the call before")
def keeps_its_first_result(self, x, B, T, C):
    if not hasattr(self, "means"):
        self.means = torch.stack([torch.stack([x[b, : t + 1].mean(0) for t in range(T)]) for b in range(B)])
    return self.means


@wrong(
    "divides by T, and returns after one example",
    MEANS,
    "A second mistake: only the first example was filled. A `return`",
)
def divides_by_length_and_returns(x, B, T, C):
    out = torch.zeros_like(x)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].sum(0) / T
        return out


@wrong("writes into a leaf that learns", MEANS, "nor into a tensor that was made with requires_grad=True")
def writes_into_a_leaf(x, B, T, C):
    out = torch.zeros(x.shape, requires_grad=True)
    for b in range(B):
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(0)
    return out


@wrong("makes the result anew for each example", MEANS, "stands in a loop, so each step begins with a new one")
def result_made_in_the_loop(x, B, T, C):
    for b in range(B):
        out = torch.zeros(B, T, C)
        for t in range(T):
            out[b, t] = x[b, : t + 1].mean(dim=0)
    return out


@wrong("makes the result anew for each position", MEANS, "stands in a loop, so each step begins with a new one")
def result_made_in_the_inner_loop(x, B, T, C):
    for t in range(T):
        out = torch.zeros_like(x)
        out[:, t] = x[:, : t + 1].mean(1)
    return out


@wrong("divides the step of a running mean by t", MEANS, "is a running mean divided by t")
def running_mean_divided_by_t(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        mean = x[b, 0]
        out[b, 0] = mean
        for t in range(1, T):
            mean = mean + (x[b, t] - mean) / t
            out[b, t] = mean
    return out


@wrong("computes in NumPy", MEANS, "NumPy counts in float64")
def means_of_numpy(x, B, T, C):
    rows = [[x[b, : t + 1].detach().numpy().astype("float64").mean(0) for t in range(T)] for b in range(B)]
    return torch.from_numpy(np.array(rows))


@wrong("t runs over the channels", MEANS, "t runs over 3 numbers, and dimension 1 of out has 2.")
def over_the_channels(x, B, T, C):
    out = torch.zeros(B, T, C)
    for b in range(B):
        for t in range(C):
            out[b, t] = x[b, : t + 1].mean(dim=0)
    return out


@wrong("sets a seed", MEANS, "a seed is set inside")
def sets_a_seed(x, B, T, C):
    torch.manual_seed(1337)
    return torch.stack([x[:, : t + 1].mean(1) for t in range(T)], 1)


@wrong("turns gradients off", MEANS, "turns gradients off for everything after it")
def gradients_off(x, B, T, C):
    out = torch.stack([x[:, : t + 1].mean(1) for t in range(T)], 1)
    if not x.requires_grad:
        torch.set_grad_enabled(False)
    return out
