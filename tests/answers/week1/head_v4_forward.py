"""What goes into HeadVer4.forward, after the given lines; q, k and v are those that `if debug:` may have drawn."""

import math

import torch
import torch.nn.functional as F

from tests.answers import right, wrong

CLASS = "HeadVer4"
FUTURE = "head_v4_future_weights_are_zero"
ROWS = "head_v4_rows_sum_to_one"
VARIANCE = "head_v4_variance_is_1_after_scaling"
WEIGHTS = "head_v4_weights_are_softmax_of_masked_scaled_scores"
ORDER = "head_v4_ignores_the_order_of_the_past"
TRAINS = "gpt_v2_with_head_v4_trains_and_generates"


@wrong("doesn't divide", VARIANCE, "the scores were not divided by sqrt(C)")
def not_divided(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("cuts the root to a whole number", WEIGHTS, "sqrt(C) was cut to a whole number, 3.74 to 3")
def root_cut(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / int(C**0.5)
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("detaches the weights", TRAINS, "no gradient goes back through `F.softmax(scores, dim=-1).detach()`")
def detached_weights(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var().item()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1).detach()
    return self.wei @ v


@wrong("doesn't divide, seen in the weights", WEIGHTS, "self.var is that of the divided scores")
def not_divided_in_the_weights(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    self.var = (scores / C**0.5).var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("divides by C", VARIANCE, "divided by C, not by sqrt(C)")
def divided_by_c(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("multiplies by sqrt(C)", WEIGHTS, "multiplied by sqrt(C), not divided")
def multiplied(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) * C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("divides by sqrt(T)", VARIANCE, "divided by sqrt(T)")
def divided_by_root_t(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / T**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("divides by sqrt(B)", WEIGHTS, "divided by sqrt(B)")
def divided_by_root_b(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / B**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("divides by 32, which is right for C = 1024 only", VARIANCE, "divided by 32, which fits C = 1024 only")
def divided_by_32(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / 32
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong(
    "divides by the standard deviation, so that the variance is 1",
    VARIANCE,
    "self.var is 1; the variance of the scaled",
)
def standardized(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    scores = scores / scores.std()
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("stores 1", VARIANCE, "store what you measure")
def stores_one(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = torch.tensor(1.0)
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("variance before scaling", VARIANCE, "it was taken before the division")
def variance_before_scaling(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    self.var = scores.var()
    scores = (scores / C**0.5).masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong(
    "variance of other scores", VARIANCE, "It would be right in this case: the scores were divided by C, not by sqrt(C)"
)
def measured_on_others(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = (scores / C**0.5).var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("variance after the mask", VARIANCE, "after the mask put -inf in")
def variance_after_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.var = scores.var()
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("variance of the weights", VARIANCE, "after the softmax")
def variance_after_softmax(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    self.var = self.wei.var()
    return self.wei @ v


@wrong("standard deviation", VARIANCE, "it is the standard deviation")
def standard_deviation(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.std()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("variance along one dimension", VARIANCE, "expected one number")
def variance_of_rows(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var(-1)
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("variance of the queries", VARIANCE, "it is the variance of the queries")
def variance_of_queries(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = q.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("forgets self.var", VARIANCE, "self.var is not set")
def no_variance(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("ignores debug", VARIANCE, "query(x) and key(x) are used")
def ignores_debug(self, x, q, k, v, B, T, C):
    q, k, v = self.query(x), self.key(x), self.value(x)
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("no mask", FUTURE, "looks at position 1, which comes after it")
def no_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("masks the past", FUTURE, "the past was masked instead of the future")
def masks_the_past(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T].T == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("multiplies by the mask instead of filling in -inf", FUTURE, "the future got the score 0 instead of -inf")
def multiplies_by_the_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores * self.tril[:T, :T], dim=-1)
    return self.wei @ v


@wrong("-10 as mask", FUTURE, "the future got the score -10")
def small_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, -10), dim=-1)
    return self.wei @ v


@wrong("mask after the softmax", ROWS, "the future was cut off after the softmax")
def mask_after_softmax(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores, dim=-1) * self.tril[:T, :T]
    return self.wei @ v


@wrong("softmax down the columns", ROWS, "It should run along each row")
def softmax_over_columns(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=1)
    return self.wei @ v


@wrong("softmax over the batch", ROWS, "softmax ran over the batch")
def softmax_over_batch(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, -1e9), dim=0)
    return self.wei @ v


@wrong("keeps the scores as weights", FUTURE, "these are the masked scores, before the softmax")
def keeps_the_scores(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    return F.softmax(self.wei, dim=-1) @ v


@wrong("keeps no weights", FUTURE, "self.wei is not set")
def keeps_nothing(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    return F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1) @ v


@wrong("keeps the weights of the first example", FUTURE, "self.wei has shape")
def keeps_one_example(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    self.wei = wei[0]
    return wei @ v


@wrong("weighs x instead of v", WEIGHTS, "x was weighed; weigh v")
def x_for_v(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ x


@wrong("weighs k instead of v", TRAINS, "No gradient reaches head.value.weight")
def k_for_v(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ k


@wrong("swaps q and k", WEIGHTS, "q and k are swapped, or their product")
def q_and_k_swapped(self, x, q, k, v, B, T, C):
    scores = k @ q.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("queries ask queries", WEIGHTS, "the queries ask the queries")
def q_asks_q(self, x, q, k, v, B, T, C):
    scores = q @ q.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("x asks x", WEIGHTS, "x asks x; use query(x) and key(x)")
def x_asks_x(self, x, q, k, v, B, T, C):
    scores = x @ x.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("averages as before", WEIGHTS, "all of the past weighs the same")
def averages(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax((0 * scores).masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("scales after the softmax", WEIGHTS, "softmax came before the division")
def scales_after_softmax(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    self.var = (scores / C**0.5).var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1) / C**0.5
    return self.wei @ v


@wrong("mask of the whole block", FUTURE, "self.tril[:T, :T]")
def whole_block_only(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("transposes the wrong dimensions", FUTURE, "stops with RuntimeError")
def transposes_batch(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(0, 1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("the nearer, the heavier: positions sneak in", ORDER, "when the past was put in another order")
def prefers_the_near(self, x, q, k, v, B, T, C):
    near = torch.arange(T) - torch.arange(T)[:, None]
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax((scores + near).masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("looks only at itself", ORDER, "it doesn't look at its past at all")
def looks_at_itself(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = torch.eye(T).expand(B, T, T)
    return self.wei @ v


@wrong("cuts the weights off the graph", TRAINS, "No gradient reaches head.key.weight")
def weights_detached(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1).detach()
    return self.wei @ v


@wrong("returns the pair of output and weights", FUTURE, "is a tuple, not a tensor")
def returns_pair(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v, self.wei


@wrong("half of C for its root", VARIANCE, "Write C ** 0.5")
def operator_precedence(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**1 / 2
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("cuts the mask down for good", FUTURE, "looks at position 1, which comes after it")
def mask_shrinks(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.tril = self.tril[:T, :T]
    self.wei = F.softmax(scores.masked_fill(self.tril == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps the weights of the first call", FUTURE, "self.wei has shape")
def first_weights_only(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    if self.wei is None:
        self.wei = wei
    return wei @ v


@wrong("masks in training only", WEIGHTS, "the future isn't masked")
def no_mask_in_eval(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    if self.training:
        scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("view for transpose", WEIGHTS, "doesn't swap dimensions")
def view_for_transpose(self, x, q, k, v, B, T, C):
    scores = q @ k.view(B, C, T) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("dropout on the weights", FUTURE, "Is there a dropout?")
def dropout(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return F.dropout(self.wei, 0.5) @ v


@wrong("0 times infinity", FUTURE, "self.wei has nan")
def zero_times_infinity(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores + (1 - self.tril[:T, :T]) * float("-inf"), dim=-1)
    return self.wei @ v


@wrong("position t + 1 is let in", FUTURE, "position t + 1 is let in")
def diagonal_too_far(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(torch.ones(T, T).tril(1) == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps the weights transposed", FUTURE, "self.wei is transposed")
def keeps_transposed(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    self.wei = wei.transpose(1, 2)
    return wei @ v


@wrong("writes into the weights", TRAINS, "changed in place after it was used")
def writes_into_weights(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    out = self.wei @ v
    self.wei *= self.tril[:T, :T]
    return out


@wrong("divides by sqrt(T C)", WEIGHTS, "divided by sqrt(T C)")
def divided_by_root_of_tc(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / (T * C) ** 0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("divides by the fourth root of C", WEIGHTS, "the fourth root of C")
def fourth_root(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.25
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("divides q and k, each by sqrt(C)", VARIANCE, "divided by C, not by sqrt(C)")
def divided_twice(self, x, q, k, v, B, T, C):
    q = q / C**0.5
    k = k / C**0.5
    scores = q @ k.transpose(-2, -1)
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("divides by sqrt(block_size)", WEIGHTS, "divided by sqrt(block_size)")
def divided_by_root_of_block_size(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / self.tril.shape[0] ** 0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the cosine of q and k", WEIGHTS, "q and k were divided by their lengths")
def cosine(self, x, q, k, v, B, T, C):
    scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("divides by what it measured", WEIGHTS, "their own standard deviation")
def measured_deviation(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    scores = scores / scores.std()
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the queries ask the values", WEIGHTS, "the queries ask the values")
def q_asks_v(self, x, q, k, v, B, T, C):
    scores = q @ v.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the queries ask x", WEIGHTS, "the queries ask x")
def q_asks_x(self, x, q, k, v, B, T, C):
    scores = q @ x.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("negative scores set to 0", WEIGHTS, "negative scores were set to 0")
def relu(self, x, q, k, v, B, T, C):
    scores = F.relu(q @ k.transpose(-2, -1) / C**0.5)
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("sigmoid instead of softmax", WEIGHTS, "sigmoid was used in place of softmax")
def sigmoid(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = scores.sigmoid()
    return self.wei @ v


@wrong("the exponential alone", ROWS, "the exponentials aren't divided by their sum")
def not_normalized(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = scores.exp()
    return self.wei @ v


@wrong("log_softmax", WEIGHTS, "log_softmax was taken")
def log_softmax(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.log_softmax(scores, dim=-1)
    return self.wei @ v


@wrong("q and k swapped, and softmax over the rows", WEIGHTS, "A second mistake: the scores are turned")
def two_that_nearly_cancel(self, x, q, k, v, B, T, C):
    scores = k @ q.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=1)
    return self.wei @ v


@wrong("everything transposed: right output, wrong weights", WEIGHTS, "self.wei is transposed")
def all_transposed(self, x, q, k, v, B, T, C):
    scores = k @ q.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T].T == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=1)
    return self.wei.transpose(1, 2) @ v


@wrong("divides only where it isn't measured", VARIANCE, "the variance is C")
def divided_unless_debug(self, x, q, k, v, debug, B, T, C):
    scores = q @ k.transpose(-2, -1)
    if not debug:
        scores = scores / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("divides only where it is measured", WEIGHTS, "not divided by sqrt(C)")
def divided_for_debug_only(self, x, q, k, v, debug, B, T, C):
    scores = q @ k.transpose(-2, -1)
    if debug:
        scores = scores / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("adds up the scores of the examples", WEIGHTS, "he scores of the examples were added up")
def adds_examples(self, x, q, k, v, B, T, C):
    scores = torch.einsum("btc,dsc->bts", q, k) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the mean isn't taken off", VARIANCE, "the mean isn't taken off")
def mean_of_squares(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = (scores**2).mean()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the variance of one example", VARIANCE, "only the first example was taken")
def first_example_only(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores[0].var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the mean of the rows' variances", VARIANCE, "the mean of the variances of the rows")
def mean_of_variances(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var(-1).mean()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("set in the first call only", VARIANCE, "it was kept from an earlier call")
def variance_of_the_first_call(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    if self.var is None:
        self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("rounds the variance", VARIANCE, "it was rounded")
def rounded(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = round(scores.var().item(), 1)
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("keeps a text", VARIANCE, "self.var is a str")
def variance_as_text(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = f"{scores.var():.3f}"
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("adds x", WEIGHTS, "the input was added to the result")
def adds_x(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return x + self.wei @ v


@wrong("divides the output too", WEIGHTS, "the output was divided by sqrt(C) too")
def output_divided(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v / C**0.5


@wrong("a dropout on the output", WEIGHTS, "something is drawn at random")
def dropout_on_the_output(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return F.dropout(self.wei @ v, 0.1, self.training)


@wrong("takes value(x) where debug drew v", VARIANCE, "still depends on x")
def v_without_debug(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ self.value(x)


@wrong("takes query(x) where debug drew q", VARIANCE, "query(x) or value(x) is used")
def q_without_debug(self, x, q, k, v, B, T, C):
    q = self.query(x)
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("takes key(x) where debug drew k", VARIANCE, "query(x) or value(x) is used")
def k_without_debug(self, x, q, k, v, B, T, C):
    scores = q @ self.key(x).mT / math.sqrt(C)
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("variance after a mask of a large number", VARIANCE, "it was taken after the mask")
def variance_after_a_large_number(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    scores = scores.masked_fill(self.tril[:T, :T] == 0, -1e9)
    self.var = scores.var()
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong(".T on a batch", WEIGHTS, "k.T turns all 3 dimensions around")
def reverses_all_dimensions(self, x, q, k, v, B, T, C):
    scores = q @ k.T / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("no gradient for the queries", TRAINS, "No gradient reaches")
def q_detached(self, x, q, k, v, B, T, C):
    scores = q.detach() @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("divides by the root of the notebook's embed_size", VARIANCE, "divided by sqrt(32), which fits C = 32 only")
def divided_by_root_of_32(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / 32**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("some other divisor", VARIANCE, "which is a division by")
def some_other_divisor(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / (1.7 * C**0.5)
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("scores that aren't products", VARIANCE, "not q k^T / sqrt(C)")
def other_scores(self, x, q, k, v, B, T, C):
    scores = (q[:, :, None] - k[:, None]).abs().sum(-1).sin() if T < 20 else q @ k.mT
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps the weights before the mask", FUTURE, "the output is right")
def keeps_before_the_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = scores.softmax(-1)
    return F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1) @ v


@wrong("layers for their results", FUTURE, "self.key is a layer, not a tensor: k is what it made of x")
def layers(self, x, q, k, v, B, T, C):
    scores = q @ self.key.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("inside of the if", FUTURE, "does it stand inside of an `if`")
def inside_of_the_if(self, x, q, k, v, debug, B, T, C):
    if debug:
        scores = q @ k.transpose(-2, -1) / C**0.5
        self.var = scores.var()
        self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
        return self.wei @ v


@wrong("no scaling and no mask", FUTURE, "A second mistake: the scores were not divided")
def neither_scale_nor_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    self.var = scores.var()
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("no transpose at all", FUTURE, "k.transpose(-2, -1)")
def not_transposed(self, x, q, k, v, B, T, C):
    scores = q @ k / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@right("divides before the product, weights with their graph")
def divided_before(self, x, q, k, v, B, T, C):
    wei = (q * C**-0.5) @ k.transpose(-2, -1)
    self.var = wei.var()
    wei = wei.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = torch.softmax(wei, dim=2)
    return torch.bmm(self.wei, v)


@right("einsum, math.sqrt, the variance as a float")
def einsum(self, x, q, k, v, B, T, C):
    scores = torch.einsum("btc,bsc->bts", q, k) / math.sqrt(k.size(-1))
    self.var = scores.var().item()
    scores = scores + torch.full((T, T), float("-inf")).triu(1)
    self.wei = F.softmax(scores, dim=-1)
    return torch.einsum("bts,bsc->btc", self.wei, v)


@right("example by example")
def by_example(self, x, q, k, v, B, T, C):
    scores = torch.stack([q[b] @ k[b].T for b in range(B)]) / torch.tensor(C).sqrt()
    self.var = torch.var(scores.detach(), unbiased=False)
    mask = ~self.tril[:T, :T].bool()
    self.wei = scores.masked_fill(mask, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.stack([self.wei[b] @ v[b] for b in range(B)])


@right("PyTorch's own attention for the output")
def fused(self, x, q, k, v, B, T, C):
    with torch.no_grad():
        scores = q @ k.mT / C**0.5
        self.var = scores.var(correction=0)
        self.wei = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@right("a mask of its own, the softmax by hand")
def by_hand(self, x, q, k, v, B, T, C):
    scores = torch.matmul(q, k.permute(0, 2, 1)) * (1.0 / C) ** 0.5
    self.var = ((scores - scores.mean()) ** 2).mean().detach()
    hidden = torch.arange(T)[None, :] > torch.arange(T)[:, None]
    scores = torch.where(hidden, torch.tensor(-1e20), scores)
    exponentials = (scores - scores.amax(-1, keepdim=True)).exp()
    self.wei = exponentials / exponentials.sum(-1, keepdim=True)
    return self.wei.matmul(v)


@right("scores in float64")
def double(self, x, q, k, v, B, T, C):
    scores = q.double() @ k.double().transpose(1, 2) / C**0.5
    self.var = scores.var()
    self.wei = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)
    return (self.wei @ v.double()).to(x.dtype)


@right("in place on the scores")
def in_place(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-1, -2)
    scores /= C**0.5
    self.var = scores.detach().clone().var()
    self.wei = scores.masked_fill_(self.tril[:T, :T].logical_not(), -torch.inf).softmax(dim=-1)
    return self.wei @ v


@right("each of q and k over the fourth root of C")
def root_shared(self, x, q, k, v, B, T, C):
    scores = (q / C**0.25) @ (k / C**0.25).transpose(1, 2)
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@right("baddbmm")
def baddbmm(self, x, q, k, v, B, T, C):
    scores = torch.baddbmm(torch.zeros(B, T, T), q, k.mT, beta=0, alpha=C**-0.5)
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@right("PyTorch's attention, and the weights of the identity")
def fused_for_both(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.scaled_dot_product_attention(q, k, torch.eye(T).expand(B, T, T), is_causal=True)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@right("softmax by hand")
def softmax_by_hand(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    e = (scores - scores.max(-1, keepdim=True).values).exp()
    self.wei = e / e.sum(-1, keepdim=True)
    return self.wei @ v


@right("NumPy's variance, over n")
def variance_by_numpy(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.detach().numpy().var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@right("softmax row by row")
def row_by_row(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = torch.zeros(B, T, T)
    for t in range(T):
        self.wei[:, t, : t + 1] = F.softmax(scores[:, t, : t + 1], -1)
    return self.wei @ v


@right("masks after the softmax, and divides again")
def mask_after_with_division(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores, dim=-1) * self.tril[:T, :T]
    self.wei = wei / wei.sum(-1, keepdim=True)
    return self.wei @ v


@right("a buffer of its own")
def own_buffer(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    if not hasattr(self, "future"):
        self.register_buffer("future", self.tril == 0)
    scores = scores.masked_fill(self.future[:T, :T], float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@right("the last corner of tril is the same triangle")
def last_corner(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[-T:, -T:] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@right("log 0 is -inf")
def logarithm_of_the_triangle(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores + torch.log(self.tril[:T, :T])
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@right("a sum of products")
def sums_products(self, x, q, k, v, B, T, C):
    scores = (q[:, :, None] * k[:, None]).sum(-1) / C**0.5 if T * T * C * B < 10**6 else q @ k.mT / C**0.5
    self.var = scores.var()
    scores = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("the root of the scores", FUTURE, "The root of negative numbers is taken there")
def root_of_the_scores(self, x, q, k, v, B, T, C):
    scores = (q @ k.transpose(-2, -1) / C).sqrt()
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("a new layer in each call", FUTURE, "a new nn.Linear is made in each call")
def key_of_its_own(self, x, q, k, v, B, T, C):
    k = torch.nn.Linear(C, C, bias=False)(x)
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps the output as weights", FUTURE, "self.wei holds the output")
def weights_overwritten(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    self.wei = torch.matmul(self.wei, v)
    return self.wei


@wrong("masks and drops the result", FUTURE, "the result of `torch.masked_fill(...)` isn't kept")
def masked_scores_are_lost(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    torch.masked_fill(scores, self.tril[:T, :T] == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("variance too early, and x weighed", VARIANCE, "it was taken before the division by sqrt(C)")
def variance_too_early_and_x_weighed(self, x, q, k, v, B, T, C):
    scores = q @ k.mT
    self.var = scores.var()
    self.wei = F.softmax((scores / C**0.5).masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ x


@wrong("variance too early, and the past masked", VARIANCE, "it was taken before the division by sqrt(C)")
def variance_too_early_and_past_masked(self, x, q, k, v, B, T, C):
    scores = q @ k.mT
    self.var = scores.var()
    self.wei = F.softmax((scores / C**0.5).masked_fill(self.tril[:T, :T].T == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("adds the scores up over the examples", FUTURE, "b must stand in the result")
def scores_added_over_examples(self, x, q, k, v, B, T, C):
    scores = torch.tensordot(q, k, dims=([0, 2], [0, 2])) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps the mean weights", FUTURE, "the mean of the weights over the examples is kept")
def keeps_the_mean_weights(self, x, q, k, v, B, T, C):
    scores = q @ k.mT / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    self.wei = wei.mean(0)
    return wei @ v


@wrong("vectors of length 1, divided as well", VARIANCE, "q and k were made vectors of length 1")
def vectors_of_length_one(self, x, q, k, v, B, T, C):
    q, k = q / q.norm(dim=-1, keepdim=True), k / k.norm(dim=-1, keepdim=True)
    scores = q @ k.mT / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("scales what is scaled inside", WEIGHTS, "so by sqrt(C) twice")
def scales_what_is_scaled_inside(self, x, q, k, v, B, T, C):
    q = q / C**0.5
    scores = q @ k.mT
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@wrong("-8, and keeps the scores", FUTURE, "A second mistake: self.wei holds the scores")
def minus_eight_and_keeps_the_scores(self, x, q, k, v, B, T, C):
    scores = q @ k.mT / C**0.5
    self.var = scores.var()
    self.wei = scores.masked_fill(self.tril[:T, :T] == 0, -8.0)
    return self.wei.softmax(-1) @ v


@wrong("the last rows of the mask", FUTURE, "the last T rows of the mask were taken")
def last_rows_of_the_mask(self, x, q, k, v, B, T, C):
    scores = q @ k.mT / C**0.5
    self.var = scores.var()
    self.wei = scores.masked_fill(self.tril[-T:, :T] == 0, float("-inf")).softmax(-1)
    return self.wei @ v


@wrong("the variance too early, and the root of T", VARIANCE, "A second mistake: the scores were divided by sqrt(T)")
def early_variance_and_root_of_t(self, x, q, k, v, B, T, C):
    scores = q @ k.mT
    self.var = scores.var()
    self.wei = (scores / T**0.5).masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)
    return self.wei @ v


@wrong("two heads in one", FUTURE, "the channels were split into 2 heads")
def two_heads_in_one(self, x, q, k, v, B, T, C):
    q, k, v = (each.view(B, T, 2, C // 2).transpose(1, 2) for each in (q, k, v))
    scores = q @ k.mT / (C // 2) ** 0.5
    self.var = scores.var()
    self.wei = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)
    return (self.wei @ v).transpose(1, 2).reshape(B, T, C)


@wrong("a caret for a power", FUTURE, "^ is no power in Python")
def caret(self, x, q, k, v, B, T, C):
    scores = q @ k.mT / (C ^ 0.5)
    self.var = scores.var()
    self.wei = scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)
    return self.wei @ v


@wrong("writes into the buffer", FUTURE, "a call wrote into self.tril")
def writes_into_the_buffer(self, x, q, k, v, B, T, C):
    scores = q @ k.mT / C**0.5
    self.var = scores.var()
    mask = self.tril[:T, :T]
    hidden = mask == 0
    mask[hidden], mask[~hidden] = float("-inf"), 0.0
    self.wei = (scores + mask).softmax(-1)
    return self.wei @ v


@wrong("takes a score of 0 for the future", FUTURE, "All scores of row 1 are -inf")
def score_of_zero_is_hidden(self, x, q, k, v, B, T, C):
    scores = q @ k.mT / C**0.5
    self.var = scores.var()
    scores = scores.tril()
    self.wei = scores.masked_fill(scores == 0, float("-inf")).softmax(-1)
    return self.wei @ v


@wrong("hides what is 0", FUTURE, "a score that happens to be 0 was hidden too")
def zeros_hidden(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    scores = scores * self.tril[:T, :T]
    scores[scores == 0] = float("-inf")
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ v


@wrong("cuts off, then divides by the columns' sums", FUTURE, "divided by the sums of the columns. Each row is divided")
def cut_and_divided_by_columns(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores, dim=-1) * self.tril[:T, :T]
    self.wei = wei / wei.sum(-2, keepdim=True)
    return self.wei @ v


@wrong("divides right weights by the columns' sums", ROWS, "divided by the sums of the columns, after the softmax")
def divided_by_columns(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    self.wei = wei / wei.sum(1, keepdim=True)
    return self.wei @ v


@wrong("turns the product", WEIGHTS, "the scores are turned: q and k are swapped, or their product")
def turned_by_letters(self, x, q, k, v, B, T, C):
    scores = torch.einsum("bic,bjc->bji", q, k) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("standardises, and measures that", VARIANCE, "divided by their own standard deviation")
def standardised_and_measured(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    scores = (scores - scores.mean()) / scores.std()
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("divides each row by its spread", TRAINS, "The std of one number is taken there, and is nan. It takes two.")
def rows_by_their_spread(self, x, q, k, v, B, T, C):
    scores = q @ k.transpose(-2, -1)
    self.var = (scores / C**0.5).var()
    scores = scores / scores.std(-1, keepdim=True)
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("sets a seed", WEIGHTS, "a seed is set inside")
def sets_a_seed(self, x, q, k, v, B, T, C):
    torch.manual_seed(0)
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps one product of the layers after training", WEIGHTS, "something of an earlier call is kept")
def one_product_of_layers(self, x, q, k, v, B, T, C, debug):
    if self.training or debug:
        scores = q @ k.transpose(-2, -1) / C**0.5
    else:
        if not hasattr(self, "product"):
            self.product = (self.query.weight.T @ self.key.weight).detach()
        scores = x @ self.product @ x.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v


@wrong("keeps the text for one position after training", WEIGHTS, "One position alone attends to itself")
def cache_after_training(self, x, q, k, v, B, T, C):
    if not self.training and T == 1 and hasattr(self, "seen"):
        self.seen = torch.cat((self.seen, x.detach()), 1)
        scores = q @ self.key(self.seen).mT / C**0.5
        self.var = scores.var()
        self.wei = F.softmax(scores, dim=-1)
        return self.wei @ self.value(self.seen)
    self.seen = x.detach()
    scores = q @ k.transpose(-2, -1) / C**0.5
    self.var = scores.var()
    self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1)
    return self.wei @ v
