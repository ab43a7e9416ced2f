"""What goes into HeadVer2.__call__."""

import numpy as np
import torch

from tests.answers import right, wrong

EQUAL = "head_v2_equals_the_loops"
COUNT = "head_v2_operations_do_not_grow_with_b_and_t"


@wrong("upper triangle", EQUAL, "Take the lower triangle, torch.tril")
def upper(x, B, T, C):
    weights = torch.triu(torch.ones(T, T))
    return weights / weights.sum(1, keepdim=True) @ x


@wrong("rows not divided", EQUAL, "added up but not divided")
def not_divided(x, B, T, C):
    return torch.tril(torch.ones(T, T)) @ x


@wrong("divides by T", EQUAL, "divided by T, not by t + 1")
def divided_by_length(x, B, T, C):
    return torch.tril(torch.ones(T, T)) / T @ x


@wrong("divides the columns", EQUAL, "The first difference is at")
def keepdim_forgotten(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    return weights / weights.sum(1) @ x


@wrong("normalizes the columns", EQUAL, "the columns of the weights sum to 1")
def columns_normalized(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    return weights / weights.sum(0, keepdim=True) @ x


@wrong("no triangle", EQUAL, "the future included")
def no_triangle(x, B, T, C):
    return torch.ones(T, T) / T @ x


@wrong("triangle without its diagonal", EQUAL, "position t itself is left out")
def without_diagonal(x, B, T, C):
    weights = torch.tril(torch.ones(T, T), diagonal=-1)
    return weights / weights.sum(1, keepdim=True).clamp(min=1) @ x


@wrong("triangle one too wide", EQUAL, "position t + 1 is let in")
def diagonal_too_far(x, B, T, C):
    weights = torch.tril(torch.ones(T, T), diagonal=1)
    return weights / weights.sum(1, keepdim=True) @ x


@wrong("softmax over 0 and 1", EQUAL, "softmax over 0 and 1 doesn't hide the future")
def softmax_of_the_triangle(x, B, T, C):
    return torch.tril(torch.ones(T, T)).softmax(-1) @ x


@wrong("weights transposed", EQUAL, "the weights are transposed")
def transposed(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    return (weights / weights.sum(1, keepdim=True)).T @ x


@wrong("triangle of the size of the example", EQUAL, "stops with RuntimeError")
def fixed_size(x, B, T, C):
    weights = torch.tril(torch.ones(3, 3))
    return weights / weights.sum(1, keepdim=True) @ x


@wrong("product from the other side", EQUAL, "stops with RuntimeError")
def wrong_side(x, B, T, C):
    weights = torch.tril(torch.ones(T + 1, T + 1))
    return x @ (weights / weights.sum(1, keepdim=True))


@wrong("triangle over the channels", EQUAL, "the average runs along the channels")
def over_channels(x, B, T, C):
    weights = torch.tril(torch.ones(C, C))
    return x @ (weights / weights.sum(1, keepdim=True)).T


@wrong("loops over the examples", COUNT, "a Python loop still runs")
def loops_over_examples(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    weights = weights / weights.sum(1, keepdim=True)
    return torch.stack([weights @ x[b] for b in range(B)])


@wrong("loops over the positions", COUNT, "a Python loop still runs")
def loops_over_positions(x, B, T, C):
    return torch.stack([x[:, : t + 1].mean(1) for t in range(T)], dim=1)


@wrong("leaves torch for numpy", COUNT, "stops with RuntimeError")
def numpy_product(x, B, T, C):
    weights = np.tril(np.ones((T, T), dtype="float32"))
    return torch.from_numpy(weights / weights.sum(1, keepdims=True) @ x.numpy())


@wrong("keeps the weights of the first call", EQUAL, "it remembers something of an earlier call")
def cached(self, x, B, T, C):
    if not hasattr(self, "wei") or self.wei.shape[0] < T:
        weights = torch.tril(torch.ones(T, T))
        self.wei = weights / weights.sum(1, keepdim=True)
        self.calls = getattr(self, "calls", 0)
    self.calls += 1
    return self.wei[:T, :T] @ x * self.calls


@wrong("crashes when the length changes", EQUAL, "Take T from x.shape in each call")
def cached_for_one_length(self, x, B, T, C):
    if not hasattr(self, "wei"):
        weights = torch.tril(torch.ones(T, T))
        self.wei = weights / weights.sum(1, keepdim=True)
    return self.wei @ x


@wrong("returns float64", EQUAL, "is torch.float64, expected torch.float32")
def float64(x, B, T, C):
    weights = torch.tril(torch.ones(T, T, dtype=torch.float64))
    return weights / weights.sum(1, keepdim=True) @ x.double()


@wrong("loops over the channels", COUNT, "a Python loop still runs")
def loops_over_channels(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    weights = weights / weights.sum(1, keepdim=True)
    return torch.stack([x[:, :, c] @ weights.T for c in range(C)], -1)


@wrong("cuts the gradient", COUNT, "No gradient reaches the input")
def detached(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    return weights / weights.sum(1, keepdim=True) @ x.detach()


@right("divides by the number of positions")
def by_position(x, B, T, C):
    return torch.tril(torch.ones(T, T)) / torch.arange(1, T + 1).view(-1, 1) @ x


@right("matmul and tril_")
def matmul(x, B, T, C):
    weights = torch.ones((T, T), device=x.device).tril_()
    weights /= weights.sum(dim=-1, keepdim=True)
    return torch.matmul(weights, x)


@right("bmm with a batch of triangles")
def bmm(x, B, T, C):
    weights = torch.tril(torch.ones(B, T, T))
    return torch.bmm(weights / weights.sum(-1, keepdim=True), x)


@right("einsum")
def einsum(x, B, T, C):
    weights = torch.tril(torch.ones(T, T, dtype=x.dtype))
    return torch.einsum("ts,bsc->btc", weights, x) / weights.sum(1)[:, None]


@right("running sum")
def cumulative(x, B, T, C):
    return torch.cumsum(x, 1) / torch.arange(1, T + 1).reshape(1, T, 1)


@right("masked softmax")
def masked_softmax(x, B, T, C):
    mask = torch.ones(T, T).triu(1).bool()
    return torch.zeros(T, T).masked_fill(mask, float("-inf")).softmax(-1) @ x


@right("product in float64")
def double(x, B, T, C):
    weights = torch.tril(torch.ones(T, T, dtype=torch.float64))
    return (weights / weights.sum(1, keepdim=True) @ x.double()).to(x.dtype)
