"""What goes into HeadVer2.__call__."""

import numpy as np
import torch
import torch.nn.functional as F

from tests.answers import right, wrong

CLASS = "HeadVer2"
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


@wrong("softmax over 0 and 1", EQUAL, "softmax of 0 and 1 leaves the future a weight")
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


@wrong("keeps the weights of the first call", EQUAL, "something is kept from the call before")
def cached(self, x, B, T, C):
    if not hasattr(self, "wei") or self.wei.shape[0] < T:
        weights = torch.tril(torch.ones(T, T))
        self.wei = weights / weights.sum(1, keepdim=True)
        self.calls = getattr(self, "calls", 0)
    self.calls += 1
    return self.wei[:T, :T] @ x * self.calls


@wrong("crashes when the length changes", EQUAL, "something is kept from the call before")
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


@wrong("every row over the sum of the whole triangle", EQUAL, "the sum of the whole matrix")
def divided_by_all(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    w = w / w.sum()
    return w @ x


@wrong("divides by the number of examples", EQUAL, "divided by B")
def divided_by_examples(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    w = w / B
    return w @ x


@wrong("* instead of @", EQUAL, "number by number with *")
def number_by_number(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    w = w / w.sum(1, keepdim=True)
    return w * x


@wrong("counts the rows from 0", EQUAL, "the sum was divided by t. Rows 0 to t")
def counts_from_0(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    return (w @ x) / torch.arange(T)[:, None]


@wrong("a triangle of whole numbers", EQUAL, "w holds whole numbers, and meets floats")
def integers(x, B, T, C):
    w = torch.tril(torch.ones(T, T, dtype=torch.long))
    return w @ x / w.sum(1, keepdim=True)


@wrong("True and False as weights", EQUAL, "Make them 1 and 0")
def truth_values(x, B, T, C):
    w = torch.tril(torch.ones(T, T)) == 1
    return w @ x


@wrong("weights drawn at random", EQUAL, "something is drawn at random")
def random_weights(x, B, T, C):
    w = torch.tril(torch.rand(T, T))
    w = w / w.sum(1, keepdim=True)
    return w @ x


@wrong("the last sixteen positions", EQUAL, "only the last 16 positions are averaged")
def window(x, B, T, C):
    w = torch.tril(torch.ones(T, T)).triu(-15)
    w = w / w.sum(1, keepdim=True)
    return w @ x


@wrong("drops the batch dimension where B is 1", EQUAL, "Was it squeezed away")
def squeezed(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    w = w / w.sum(1, keepdim=True)
    return w @ x.squeeze()


@wrong("the examples in one matrix, in the wrong order", EQUAL, "The first difference is at")
def one_long_text(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    w = w / w.sum(1, keepdim=True)
    return (w @ x.reshape(T, B * C)).reshape(B, T, C)


@wrong("bfloat16 weights", EQUAL, "something was rounded, was float16")
def low_precision(x, B, T, C):
    w = torch.tril(torch.ones(T, T)).bfloat16()
    w = w / w.sum(1, keepdim=True)
    return w.float() @ x


@wrong("adds up inside of x", EQUAL, "changed its input")
def in_place(x, B, T, C):
    x.cumsum_(1)
    return x / torch.arange(1, T + 1)[:, None]


@wrong("fills the weights row by row", COUNT, "a Python loop still runs")
def loops_for_the_weights(x, B, T, C):
    w = torch.zeros(T, T)
    for t in range(T):
        w[t, : t + 1] = 1 / (t + 1)
    return w @ x


@wrong("keeps the triangle of the longest text", EQUAL, "something is kept from the call before")
def kept_triangle(self, x, B, T, C):
    if getattr(self, "w", None) is None:
        self.w = torch.tril(torch.ones(T, T)) / torch.arange(1, T + 1)[:, None]
    return self.w[:T, :T] @ x


@wrong("a triangle of 64", EQUAL, "it takes 64 positions, but not 100")
def triangle_of_64(x, B, T, C):
    weights = torch.tril(torch.ones(64, 64))[:T, :T]
    return weights / weights.sum(1, keepdim=True) @ x


@wrong("a triangle of C", EQUAL, "it works only where T and C are equal")
def triangle_of_channels(x, B, T, C):
    weights = torch.tril(torch.ones(C, C))
    return weights / weights.sum(1, keepdim=True) @ x


@wrong("a loop of Python makes the matrix", COUNT, "One line of HeadVer2 ran")
def python_matrix(x, B, T, C):
    return torch.tensor([[1 / (t + 1) if s <= t else 0.0 for s in range(T)] for t in range(T)]) @ x


@wrong("cuts off the fractions", EQUAL, "Were the others cut to whole numbers")
def whole_numbers(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    return weights // weights.sum(1, keepdim=True) @ x


@wrong("x in front", EQUAL, "the product stands the wrong way round")
def x_in_front(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    return x @ (weights / weights.sum(1, keepdim=True))


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


@right("cumulated sums over cumulated ones")
def cumulated_counts(x, B, T, C):
    return x.cumsum(1) / torch.ones_like(x).cumsum(1)


@right("F.normalize with p=1")
def normalized(x, B, T, C):
    w = F.normalize(torch.tril(torch.ones(T, T)), p=1, dim=-1)
    return w.matmul(x)


@right("tril_indices")
def triangle_indices(x, B, T, C):
    w = torch.zeros(T, T)
    r, c = torch.tril_indices(T, T)
    w[r, c] = 1 / (r + 1.0)
    return w @ x


@right("tensordot")
def tensordot(x, B, T, C):
    w = torch.tril(torch.ones(T, T))
    w = w / w.sum(1, keepdim=True)
    return torch.tensordot(x, w, dims=([1], [1])).transpose(1, 2)


@right("PyTorch's attention with queries of 0")
def attention_of_zeros(x, B, T, C):
    z = torch.zeros(B, T, 1)
    return F.scaled_dot_product_attention(z, z, x, is_causal=True)


@right("a mask and a sum over (B, T, T, C)")
def broadcast(x, B, T, C):
    i = torch.arange(T)
    m = (i <= i[:, None])[None, :, :, None]
    return (x[:, None] * m).sum(2) / (i + 1)[:, None]


@right("keeps the weights of each length")
def remembered_by_length(self, x, B, T, C):
    if not hasattr(self, "seen"):
        self.seen = {}
    if T not in self.seen:
        w = torch.tril(torch.ones(T, T))
        self.seen[T] = w / w.sum(1, keepdim=True)
    return self.seen[T] @ x


@right("a list that C makes, without a loop of Python")
def list_of_range(x, B, T, C):
    count = torch.tensor(list(range(1, T + 1)))[:, None]
    return torch.ones(T, T).tril() @ x / count


@right("keeps a triangle as long as the longest text")
def grows_when_needed(self, x, B, T, C):
    if len(getattr(self, "triangle", ())) < T:
        self.triangle = torch.ones(T, T).tril()
    weights = self.triangle[:T, :T]
    return weights / weights.sum(1, keepdim=True) @ x


@wrong("numbers of rows that aren't a column", EQUAL, "Each row has its own: make them a column, [:, None]")
def counts_along_the_channels(x, B, T, C):
    return torch.tril(torch.ones(T, T)) @ x / (torch.arange(T) + 1)


@wrong("weights of the numbers in x", EQUAL, "the weights depend on the numbers in x")
def weights_of_products(x, B, T, C):
    weights = (x @ x.mT).exp().tril()
    return weights / weights.sum(-1, keepdim=True) @ x


@wrong("x over its own sums", EQUAL, "x is divided by something that was made of x")
def over_its_own_sum(x, B, T, C):
    return x.cumsum(1) / x.abs().cumsum(1)


@wrong("the last example for all, not divided", EQUAL, "every example got the result of example 2")
def one_example_for_all(x, B, T, C):
    return (torch.tril(torch.ones(T, T)) @ x[-1]).repeat(B, 1, 1)


@wrong("divides and drops the result", EQUAL, "is computed and not kept")
def quotient_is_lost(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    weights / weights.sum(1, keepdim=True)
    return weights @ x


@wrong("another shape without swapping", EQUAL, "x was cut anew")
def cut_anew(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    weights = weights / weights.sum(1, keepdim=True)
    return (weights @ x.reshape(T, B * C)).reshape(B, T, C)


@wrong("brackets missing", EQUAL, "brackets are missing")
def brackets_missing(x, B, T, C):
    return x.cumsum(1) / torch.arange(T)[:, None] + 1


@wrong("the triangle after the division", EQUAL, "the rows were divided before the triangle was taken")
def triangle_after_division(x, B, T, C):
    full = torch.ones(T, T)
    return (full / full.sum(1, keepdim=True)).tril() @ x


@wrong("the triangle of x", EQUAL, "what lies above the diagonal of x itself was cut off")
def triangle_of_x(x, B, T, C):
    return (torch.ones(T, T) / torch.arange(1, T + 1)[:, None]) @ torch.tril(x)


@wrong("the triangle of x, not divided", EQUAL, "what lies above the diagonal of x itself was cut off")
def triangle_of_x_summed(x, B, T, C):
    return torch.tril(torch.ones(T, T)) @ torch.tril(x)


@wrong("the sum over the examples", EQUAL, "over the examples, dim=0, not over the positions, dim=1")
def sum_over_examples(x, B, T, C):
    return x.cumsum(0) / torch.arange(1, T + 1)[:, None]


@wrong("leaves t out, and divides columns", EQUAL, "position t itself is left out: the diagonal of the triangle")
def below_the_diagonal_by_columns(x, B, T, C):
    weights = torch.ones(T, T).tril(-1)
    return weights / weights.sum(1).clamp(min=1) @ x


@wrong("one long text of all examples", EQUAL, "the examples were laid one behind the other")
def all_examples_in_one_line(x, B, T, C):
    weights = torch.ones(B * T, B * T).tril()
    return (weights / weights.sum(1, keepdim=True) @ x.reshape(B * T, C)).view(B, T, C)


@wrong("leaves t out, and divides 0 by 0", EQUAL, "all of row 0 is 0, so position 0 sees nothing")
def zero_by_zero(x, B, T, C):
    weights = torch.tril(torch.ones(T, T), -1)
    return weights / weights.sum(-1) @ x


@wrong("sums over the wrong index", EQUAL, "each row of x was multiplied by a number")
def sums_over_the_wrong_index(x, B, T, C):
    weights = torch.ones(T, T).tril()
    return torch.einsum("ts,bsc->bsc", weights / weights.sum(-1, keepdim=True), x)


@wrong("the sum runs along the channels", EQUAL, "the sum runs along the channels, dim=-1")
def along_the_channels(x, B, T, C):
    return x.cumsum(-1) / torch.arange(1, T + 1)[:, None]


@wrong("a loop in a thread", COUNT, "One line of HeadVer2 ran")
def loop_in_a_thread(x, B, T, C):
    from concurrent.futures import ThreadPoolExecutor

    def means():
        out = torch.zeros_like(x)
        for b in range(B):
            for t in range(T):
                out[b, t] = x[b, : t + 1].mean(0)
        return out

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(means).result()


@wrong("gives x the letter of the output's positions", EQUAL, "need the letter of the weights' columns")
def einsum_of_the_wrong_letter(x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.einsum("ts,btc->btc", weights, x)


@wrong("doubles its steps", COUNT, "tensor operations for B, T, C")
def doubling(self, x, B, T, C):
    seen, step = x, 1
    while step < T:
        seen = seen + F.pad(seen, (0, 0, step, 0))[:, :T]
        step *= 2
    return seen / torch.arange(1, T + 1)[:, None]


@wrong("takes six examples at a time", COUNT, "tensor operations for B, T, C")
def six_at_a_time(x, B, T, C):
    weights = torch.ones(T, T).tril()
    weights = weights / weights.sum(1, keepdim=True)
    return torch.cat([weights @ part for part in x.split(6)])


@wrong("keeps weights that can learn", COUNT, "a tensor of an earlier call kept on self")
def weights_with_their_graph(self, x, B, T, C):
    if not hasattr(self, "weights"):
        self.weights = {}
    if T not in self.weights:
        triangle = torch.tril(torch.ones(T, T, requires_grad=True))
        self.weights[T] = triangle / triangle.sum(1, keepdim=True)
    return self.weights[T] @ x


@wrong("writes each result into one room", EQUAL, "one tensor is kept on self, and each result is written into it")
def one_room(self, x, B, T, C):
    weights = torch.tril(torch.ones(T, T))
    out = weights / weights.sum(1, keepdim=True) @ x
    if out.requires_grad:
        return out
    if not hasattr(self, "room") or self.room.shape != x.shape:
        self.room = torch.empty_like(x)
    self.room.copy_(out)
    return self.room
