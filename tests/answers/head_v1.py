"""What goes into HeadVer1.__call__."""

import numpy as np
import torch

from tests.answers import right, wrong

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


@wrong("copies numbers out of the graph", TRAINS, "gradient")
def no_gradient(x, B, T, C):
    return torch.tensor([[x[b, : t + 1].mean(0).tolist() for t in range(T)] for b in range(B)])


@wrong("keeps the result of the last call", TRAINS, "kept on self")
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
