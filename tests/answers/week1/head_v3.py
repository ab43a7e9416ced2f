"""What goes into HeadVer3.__call__."""

import torch
import torch.nn.functional as F

from tests.answers import right, wrong

CLASS = "HeadVer3"
EQUAL = "head_v3_equals_the_loops"
COUNT = "head_v3_needs_no_loop"
FUTURE = "head_v3_future_weights_are_zero"
ROWS = "head_v3_rows_sum_to_one"


@wrong("no mask", FUTURE, "Position 0 looks at position 1")
def no_mask(self, x, B, T, C):
    self.wei = F.softmax(torch.zeros(T, T), dim=-1)
    return self.wei @ x


@wrong("1e-9 where -1e9 is meant", FUTURE, "1e-9 is as good as 0")
def tiny_score(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, 1e-9)
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("divides by T after the softmax", ROWS, "divided by T after the softmax, whose rows sum to 1 already")
def divides_once_more(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1) / T
    return self.wei @ x


@wrong("mask after the softmax", ROWS, "the future was cut off after the softmax")
def mask_after_softmax(self, x, B, T, C):
    self.wei = F.softmax(torch.zeros(T, T), dim=-1).tril()
    return self.wei @ x


@wrong("0 instead of -inf", FUTURE, "only 1 below that of the past")
def zero_for_the_future(self, x, B, T, C):
    scores = torch.ones(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, 0)
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("-10 instead of -inf", FUTURE, "the future got the score -10")
def small_mask(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, -10)
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("masks the past", FUTURE, "Position 0 looks at position 1")
def masks_the_past(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.triu(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("masks the visible part", EQUAL, "The past was masked instead of the future")
def mask_inverted(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 1, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("masks position t too", EQUAL, "Position t itself is masked too")
def masks_the_diagonal(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T), -1) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("softmax down the columns", ROWS, "It should run along each row")
def softmax_over_columns(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=0)
    return self.wei @ x


@wrong("keeps the scores", FUTURE, "self.wei holds the masked scores")
def keeps_the_scores(self, x, B, T, C):
    self.wei = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    return F.softmax(self.wei, dim=-1) @ x


@wrong("keeps the triangle", ROWS, "this is the mask")
def keeps_the_triangle(self, x, B, T, C):
    self.wei = torch.tril(torch.ones(T, T))
    return self.wei / self.wei.sum(1, keepdim=True) @ x


@wrong("keeps nothing", FUTURE, "self.wei is not set")
def keeps_nothing(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    return F.softmax(scores, dim=-1) @ x


@wrong("keeps another tensor than it uses", FUTURE, "self.wei doesn't hold the weights that made it")
def keeps_another(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = torch.eye(T)
    return F.softmax(scores, dim=-1) @ x


@wrong("keeps the output", FUTURE, "self.wei holds the output")
def keeps_the_output(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1) @ x
    return self.wei


@wrong("no softmax at all", EQUAL, "each seen position weighs 1")
def no_softmax(self, x, B, T, C):
    self.wei = torch.tril(torch.ones(T, T))
    return self.wei @ x


@wrong("softmax over the triangle of ones", FUTURE, "only 1 below that of the past")
def softmax_of_the_triangle(self, x, B, T, C):
    self.wei = F.softmax(torch.tril(torch.ones(T, T)), dim=-1)
    return self.wei @ x


@wrong("masked_fill without keeping its result", FUTURE, "the result of `scores.masked_fill(...)` isn't kept")
def result_of_masked_fill_lost(self, x, B, T, C):
    scores = torch.zeros(T, T)
    scores.masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("keeps the weights of the first call", EQUAL, "something is kept from the call before")
def cached(self, x, B, T, C):
    if not hasattr(self, "wei"):
        scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("0 times infinity", FUTURE, "0 times infinity")
def nan_mask(self, x, B, T, C):
    scores = (1 - torch.tril(torch.ones(T, T))) * float("-inf")
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("whole numbers for scores", EQUAL, "not implemented for 'Long'")
def integer_scores(self, x, B, T, C):
    scores = torch.zeros(T, T, dtype=torch.long).masked_fill(torch.tril(torch.ones(T, T)) == 0, -(10**9))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("keeps the weights transposed", FUTURE, "self.wei is transposed")
def keeps_transposed(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    wei = F.softmax(scores, dim=-1)
    self.wei = wei.T
    return wei @ x


@wrong("loops over the rows", COUNT, "a Python loop still runs")
def loops_over_rows(self, x, B, T, C):
    scores = torch.zeros(T, T)
    for t in range(T):
        scores[t, t + 1 :] = float("-inf")
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("the averages of notebook 2 with weights beside them", COUNT, "a Python loop still runs")
def loops_for_the_output(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return torch.stack([x[:, : t + 1].mean(1) for t in range(T)], 1)


@wrong("inf instead of -inf", FUTURE, "the future got inf. It should get -inf")
def plus_infinity(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("masks what should be seen", FUTURE, "position t with it")
def masks_past_and_self(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 1, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("hides position t from itself", ROWS, "position t itself is masked too")
def hides_itself(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T), -1) == 0, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("-50 instead of -inf", FUTURE, "the future got the score -50")
def tiny_weights(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, -50)
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("softmax twice", EQUAL, "softmax was taken twice")
def softmax_twice(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(F.softmax(scores, -1), -1)
    return self.wei @ x


@wrong("log_softmax", ROWS, "log_softmax was taken")
def log_softmax(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.log_softmax(scores, -1)
    return self.wei @ x


@wrong("the exponential alone", ROWS, "weren't divided by their sum")
def not_divided(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = scores.exp()
    return self.wei @ x


@wrong("scores that depend on x", EQUAL, "All scores should be 0 before the mask")
def scores_of_x(self, x, B, T, C):
    scores = (x @ x.transpose(1, 2))[0].masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("scores drawn at random", EQUAL, "something is drawn at random")
def random_scores(self, x, B, T, C):
    scores = torch.randn(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("keeps weights of a longer text", ROWS, "self.wei has shape (6, 6), expected (5, 5)")
def larger_than_the_text(self, x, B, T, C):
    if not hasattr(self, "wei") or self.wei.shape[0] < T:
        scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        self.wei = F.softmax(scores, -1)
    return self.wei[:T, :T] @ x


@wrong("keeps weights that made nothing", FUTURE, "doesn't hold the weights that made it")
def invented_weights(self, x, B, T, C):
    self.wei = torch.eye(T)
    return x.cumsum(1) / torch.arange(1, T + 1)[:, None]


@wrong("(B, T, T) weights", ROWS, "the scores were made for each example")
def one_for_each_example(self, x, B, T, C):
    scores = torch.zeros(B, T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("a mask of 0 and 1", EQUAL, "A mask is True and False")
def mask_of_numbers(self, x, B, T, C):
    mask = 1 - torch.tril(torch.ones(T, T))
    scores = torch.zeros(T, T).masked_fill(mask, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("~ on 0 and 1", EQUAL, "~ turns True and False around")
def not_of_numbers(self, x, B, T, C):
    mask = torch.tril(torch.ones(T, T))
    scores = torch.zeros(T, T).masked_fill(~mask, float("-inf"))
    self.wei = F.softmax(scores, -1)
    return self.wei @ x


@wrong("torch.no_grad", COUNT, "No gradient reaches the input")
def no_gradient(self, x, B, T, C):
    with torch.no_grad():
        scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        self.wei = F.softmax(scores, -1)
        return self.wei @ x


@wrong("weights on the class", FUTURE, "it is kept on the class")
def weights_on_the_class(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    type(self).wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@wrong("keeps the scores, weighs with softmax of them", FUTURE, "self.wei holds the masked scores")
def keeps_too_early(self, x, B, T, C):
    self.wei = torch.zeros(T, T).masked_fill(torch.ones(T, T).triu(1).bool(), float("-inf"))
    return self.wei.softmax(-1) @ x


@wrong("-3 for the future", EQUAL, "the future got the score -3")
def small_number(self, x, B, T, C):
    self.wei = F.softmax(torch.full((T, T), -3.0).tril(-T) - 3 * torch.ones(T, T).triu(1), dim=-1)
    return self.wei @ x


@wrong("a text for minus infinity", EQUAL, 'minus infinity is float("-inf")')
def text(self, x, B, T, C):
    self.wei = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, "-inf").softmax(-1)
    return self.wei @ x


@wrong("returns the weights", EQUAL, "these are the weights")
def returns_weights(self, x, B, T, C):
    self.wei = torch.tril(torch.ones(T, T)) / torch.arange(1, T + 1)[:, None]
    return self.wei


@right("-1e9 is low enough")
def very_negative(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, -1e9)
    self.wei = torch.softmax(scores, dim=1)
    return torch.matmul(self.wei, x)


@right("adds a matrix of -inf")
def additive_mask(self, x, B, T, C):
    mask = torch.full((T, T), float("-inf")).triu(diagonal=1)
    self.wei = (torch.zeros(T, T) + mask).softmax(dim=-1)
    return self.wei @ x


@right("torch.where, and the weights without their graph")
def where(self, x, B, T, C):
    visible = torch.arange(T)[:, None] >= torch.arange(T)
    wei = torch.where(visible, 0.0, -torch.inf).softmax(-1)
    self.wei = wei.detach()
    return torch.einsum("ts,bsc->btc", wei, x)


@right("the softmax by hand")
def by_hand(self, x, B, T, C):
    exponentials = torch.exp(torch.zeros(T, T).masked_fill(~torch.ones(T, T).tril().bool(), float("-inf")))
    self.wei = exponentials / exponentials.sum(-1, keepdim=True)
    return self.wei @ x


@right("lowest finite number as mask, in place")
def lowest_number(self, x, B, T, C):
    scores = x.new_zeros(T, T)
    scores.masked_fill_(torch.ones(T, T, dtype=torch.bool).triu(1), torch.finfo(x.dtype).min)
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@right("weights that could learn")
def with_graph(self, x, B, T, C):
    scores = torch.zeros(T, T, requires_grad=True)
    scores = scores.masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x


@right("log 0 is -inf")
def logarithm_of_the_triangle(self, x, B, T, C):
    self.wei = torch.softmax(torch.log(torch.tril(torch.ones(T, T))), dim=-1)
    return self.wei @ x


@right("the triangle itself as scores")
def triangle_as_scores(self, x, B, T, C):
    s = torch.tril(torch.ones(T, T))
    s = s.masked_fill(s == 0, float("-inf"))
    self.wei = F.softmax(s, -1)
    return self.wei @ x


@right("logsumexp")
def logsumexp(self, x, B, T, C):
    s = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) < 1, float("-inf"))
    self.wei = (s - s.logsumexp(-1, keepdim=True)).exp()
    return self.wei @ x


@right("float64 weights")
def double(self, x, B, T, C):
    s = torch.zeros(T, T, dtype=torch.float64).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    self.wei = F.softmax(s, -1)
    return self.wei.to(x.dtype) @ x


@right("the same weights for each example, one kept")
def batched(self, x, B, T, C):
    s = torch.zeros(B, T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    w = F.softmax(s, -1)
    self.wei = w[0]
    return torch.bmm(w, x)


@right("PyTorch's attention with queries of 0")
def fused(self, x, B, T, C):
    z = torch.zeros(B, T, 1)
    self.wei = F.scaled_dot_product_attention(z[:1], z[:1], torch.eye(T)[None], is_causal=True)[0]
    return self.wei @ x


@right("the triangle over its sums")
def triangle_over_sums(self, x, B, T, C):
    seen = torch.ones(T, T).tril()
    self.wei = seen / seen.sum(-1)[:, None]
    return torch.matmul(self.wei, x)


@wrong("a mask that hides all", EQUAL, "All scores of every row are -inf")
def hides_everything(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.ones(T, T).tril() < 2, float("-inf"))
    self.wei = scores.softmax(-1)
    return self.wei @ x


@wrong("the past is hidden, and softmax runs down", EQUAL, "And softmax runs over dimension 0")
def hides_the_past_of_columns(self, x, B, T, C):
    scores = torch.zeros(T, T)
    scores[torch.ones(T, T).tril() == 1] = float("-inf")
    self.wei = torch.softmax(scores, 0)
    return self.wei @ x


@wrong("the logarithm of -1", EQUAL, "The logarithm of negative numbers is taken there")
def logarithm_of_the_mask(self, x, B, T, C):
    visible = 2 * torch.ones(T, T).tril() - 1
    self.wei = torch.log(visible).softmax(-1)
    return self.wei @ x


@wrong("a layer in place of a function", EQUAL, "nn.Softmax(...) makes a layer and computes nothing yet")
def layer_of_the_scores(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.ones(T, T).triu(1) == 1, float("-inf"))
    self.wei = torch.nn.Softmax(scores)
    return torch.matmul(self.wei, x)


@wrong("scores of the numbers in x", EQUAL, "the weights depend on the numbers in x")
def scores_of_products(self, x, B, T, C):
    scores = (x @ x.mT).masked_fill(torch.ones(T, T).triu(1) == 1, float("-inf"))
    self.wei = scores.softmax(-1)
    return self.wei @ x


@wrong("-9 in place of -inf, seen by the first check", EQUAL, "the future got the score -9 instead of -inf")
def minus_nine(self, x, B, T, C):
    self.wei = torch.full((T, T), -9.0).triu(1).softmax(-1)
    return self.wei @ x


@wrong("plus infinity, and x in front", EQUAL, "the product stands the wrong way round")
def infinity_and_x_in_front(self, x, B, T, C):
    scores = torch.zeros(T, T).masked_fill(torch.ones(T, T).triu(1).bool(), float("inf"))
    self.wei = scores.softmax(-1)
    return x @ self.wei


@wrong("compares where it should store", EQUAL, "compares, and stores nothing")
def compares_the_future(self, x, B, T, C):
    scores = torch.zeros(T, T)
    scores[torch.ones(T, T).triu(1) == 1] == float("-inf")  # noqa: B015
    self.wei = scores.softmax(-1)
    return self.wei @ x


@wrong("-8, and keeps the scores", EQUAL, "A second mistake: self.wei holds the scores")
def minus_eight_and_keeps_the_scores(self, x, B, T, C):
    self.wei = torch.zeros(T, T).masked_fill(torch.ones(T, T).triu(1) == 1, -8.0)
    return self.wei.softmax(-1) @ x


@wrong("cuts the future off late, and doesn't keep it", EQUAL, "the future was cut off after the softmax")
def cut_off_late(self, x, B, T, C):
    weights = torch.zeros(T, T).softmax(1)
    return weights.tril() @ x


@wrong("a second softmax to sum to 1 again", EQUAL, "the second one gave the future a weight again")
def softmax_to_sum_to_one(self, x, B, T, C):
    weights = torch.zeros(T, T).softmax(-1).tril()
    self.wei = weights.softmax(-1)
    return self.wei @ x


@wrong("hides the future with -10, in weights for each example", EQUAL, "the score -10 instead of -inf")
def minus_ten_for_each_example(self, x, B, T, C):
    scores = torch.zeros(B, T, T)
    scores = torch.where(torch.tril(torch.ones(T, T)) == 1, scores, torch.tensor(-10.0))
    self.wei = F.softmax(scores, dim=-1)
    return self.wei @ x
