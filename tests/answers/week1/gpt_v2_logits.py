"""What goes into GPTVer2.logits."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.answers import right, wrong

CLASS = "GPTVer2"
TRAINS = "gpt_v2_trains_and_generates"
LOGITS = "gpt_v2_makes_logits_from_table_head_and_lm_head"


@wrong("leaves the head out", LOGITS, "the head isn't used")
def no_head(self, idx):
    return self.lm_head(self.token_embedding_table(idx))


@wrong("leaves lm_head out", LOGITS, "has shape")
def no_lm_head(self, idx):
    return self.head(self.token_embedding_table(idx))


@wrong("takes the head last", LOGITS, "the head runs after lm_head")
def head_last(self, idx):
    return self.head(self.lm_head(self.token_embedding_table(idx)))


@wrong("takes the head twice", LOGITS, "the head is used twice")
def head_twice(self, idx):
    return self.lm_head(self.head(self.head(self.token_embedding_table(idx))))


@wrong("adds the embeddings to the head's output", LOGITS, "the embeddings are added")
def residual(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(x + self.head(x))


@wrong("returns probabilities", LOGITS, "softmax was taken already")
def probabilities(self, idx):
    return F.softmax(self.lm_head(self.head(self.token_embedding_table(idx))), dim=-1)


@wrong("returns only the last position", LOGITS, "has shape")
def last_position(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx)))[:, -1, :]


@wrong("flattens batch and time", LOGITS, "has shape")
def flattened(self, idx):
    logits = self.lm_head(self.head(self.token_embedding_table(idx)))
    return logits.view(-1, logits.shape[-1])


@wrong("forgets the return", LOGITS, "is None, not a tensor")
def no_return(self, idx):
    self.lm_head(self.head(self.token_embedding_table(idx)))


@wrong("returns the pair that forward returns", LOGITS, "is a tuple, not a tensor")
def returns_pair(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx))), None


@wrong("gives the head characters", LOGITS, "lm_head(head(token_embedding_table(idx)))")
def head_before_table(self, idx):
    averaged = self.head(idx[..., None].float()).long().squeeze(-1)
    return self.lm_head(self.token_embedding_table(averaged))


@wrong("averages the positions away", LOGITS, "has shape")
def pooled(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx)).mean(1))


@wrong("softmax over the positions", LOGITS, "over the positions")
def softmax_over_positions(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx))).softmax(1)


@wrong("the last position for all", LOGITS, "every position got the logits of the last one")
def last_everywhere(self, idx):
    x = self.head(self.token_embedding_table(idx))
    return self.lm_head(x[:, -1:].expand_as(x))


@wrong("the embedding table in place of lm_head", LOGITS, "a second time in place of lm_head")
def tied(self, idx):
    x = self.head(self.token_embedding_table(idx))
    return x @ self.token_embedding_table.weight.T


@wrong("lm_head's weight without its bias", LOGITS, "lm_head's bias is left out")
def no_bias(self, idx):
    x = self.head(self.token_embedding_table(idx))
    return x @ self.lm_head.weight.T


@wrong("a dropout behind the head", LOGITS, "something is drawn at random")
def dropout(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(nn.functional.dropout(self.head(x), 0.1, self.training))


@wrong("makes a head instead of taking the one it got", LOGITS, "another one is made in its place")
def head_of_its_own(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(HeadVer1()(x))  # noqa: F821


@wrong("a ReLU between head and lm_head", LOGITS, "negative numbers of the head were set to 0")
def relu(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(torch.relu(self.head(x)))


@wrong("the embeddings times sqrt(C)", LOGITS, "the embeddings are scaled by sqrt(C)")
def scaled_embeddings(self, idx):
    x = self.token_embedding_table(idx) * self.token_embedding_table.embedding_dim**0.5
    return self.lm_head(self.head(x))


@wrong("the examples as one long text", LOGITS, "the examples were joined to one long text")
def one_long_text(self, idx):
    B, T = idx.shape
    x = self.token_embedding_table(idx.view(1, B * T))
    return self.lm_head(self.head(x)).view(B, T, -1)


@wrong("keeps the embeddings of an earlier call", LOGITS, "the logits of an earlier call")
def remembered(self, idx):
    if not hasattr(self, "x") or self.x.shape[:2] != idx.shape:
        self.x = self.token_embedding_table(idx)
    return self.lm_head(self.head(self.x))


@wrong("(B, V, T) instead of (B, T, V)", LOGITS, "two dimensions are swapped")
def transposed(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx))).transpose(1, 2)


@wrong("fills up to block_size", LOGITS, "there are more positions than in the input")
def padded(self, idx):
    B, T = idx.shape
    idx = nn.functional.pad(idx, (0, self.block_size - T))
    return self.lm_head(self.head(self.token_embedding_table(idx)))


@wrong("averages the examples", LOGITS, "the examples are averaged")
def averages_examples(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x).mean(0, keepdim=True).expand_as(x))


@wrong("logits over 0.8", LOGITS, "the logits are multiplied by 1.25")
def temperature(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx))) / 0.8


@wrong("torch.no_grad", TRAINS, "The loss has no gradient")
def no_gradient(self, idx):
    with torch.no_grad():
        return self.lm_head(self.head(self.token_embedding_table(idx)))


@wrong("detaches the head's output", TRAINS, "No gradient reaches token_embedding_table.weight")
def detached(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx)).detach())


@wrong("the last eight positions only", LOGITS, "expected (3, 70, 7)")
def last_eight(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx[:, -8:])))


@wrong("square brackets for a call", LOGITS, "Call it, with round brackets")
def brackets(self, idx):
    return self.lm_head(self.head(self.token_embedding_table[idx]))


@wrong("a head that gets nothing", LOGITS, "call it with x, as in self.head(x)")
def head_without_x(self, idx):
    return self.lm_head(self.head())


@wrong("a position is missing", LOGITS, "a position is missing")
def one_less(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx[:, 1:])))


@wrong("the numbers of the tokens go into the head", LOGITS, "it takes embeddings, (B, T, C)")
def head_of_tokens(self, idx):
    return self.lm_head(self.token_embedding_table(self.head(idx)))


@wrong("a name that isn't there", LOGITS, "Did you mean self.token_embedding_table")
def other_name(self, idx):
    return self.lm_head(self.head(self.embedding_table(idx)))


@right("in one line")
def one_line(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx)))


@right("looks the table up by hand")
def table_by_hand(self, idx):
    embedded = F.embedding(idx, self.token_embedding_table.weight)
    return F.linear(self.head(embedded), self.lm_head.weight, self.lm_head.bias)


@right("one-hot times table")
def one_hot(self, idx):
    table = self.token_embedding_table.weight
    x = F.one_hot(idx, len(table)).to(table.dtype) @ table
    return self.head(x) @ self.lm_head.weight.T + self.lm_head.bias


@right("example by example")
def by_example(self, idx):
    return torch.cat([self.lm_head(self.head(self.token_embedding_table(row[None]))) for row in idx])


@right("functools.reduce over the layers")
def reduced(self, idx):
    from functools import reduce

    return reduce(lambda x, f: f(x), (self.token_embedding_table, self.head, self.lm_head), idx)


@right("a loop over the layers")
def looped(self, idx):
    x = idx
    for layer in (self.token_embedding_table, self.head, self.lm_head):
        x = layer(x)
    return x


@right("super().logits is the embedding")
def through_super(self, idx):
    x = super().logits(idx)
    return self.lm_head(self.head(x))


@right("one matrix product for all positions")
def flat_product(self, idx):
    B, T = idx.shape
    x = self.head(self.token_embedding_table(idx)).reshape(B * T, -1)
    return torch.addmm(self.lm_head.bias, x, self.lm_head.weight.T).view(B, T, -1)


@right("einsum with lm_head's weight and bias")
def einsum(self, idx):
    x = self.head(self.token_embedding_table(idx))
    return torch.einsum("btc,vc->btv", x, self.lm_head.weight) + self.lm_head.bias


@right("a view and back, which changes nothing")
def view_and_back(self, idx):
    B, T = idx.shape
    x = self.token_embedding_table(idx)
    x = self.head(x)
    return self.lm_head(x.view(T, B, -1)).view(B, T, -1)


@wrong("lm_head made anew", LOGITS, "Call the one that __init__ made: self.lm_head")
def new_lm_head(self, idx):
    x = self.head(self.token_embedding_table(idx))
    return nn.Linear(x.shape[-1], self.lm_head.out_features)(x)


@wrong("log_softmax over the positions", LOGITS, "sums to 1 over dim=1")
def logarithms_over_positions(self, idx):
    return F.log_softmax(self.lm_head(self.head(self.token_embedding_table(idx))), 1)


@wrong("numbers of positions added to tokens", LOGITS, "Was something added to idx?")
def positions_in_tokens(self, idx):
    x = self.token_embedding_table(idx + 9 * torch.arange(idx.shape[1]))
    return self.lm_head(self.head(x))


@wrong("joins examples and positions before the head", LOGITS, "Leave idx as it is, (B, T), and embed it so")
def joined_before_the_head(self, idx):
    x = self.token_embedding_table(idx).flatten(0, 1)
    return self.lm_head(self.head(x)).view(*idx.shape, -1)


@wrong("only the last position into the head", LOGITS, "only one position comes back, or one for all")
def last_position_into_the_head(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx)[:, -1]))


@wrong("a table of positions that isn't there", LOGITS, "leave that line out")
def no_such_table(self, idx):
    places = self.pos_emb(torch.arange(idx.shape[1]))
    return self.lm_head(self.head(self.token_embedding_table(idx) + places))


@wrong("blocks that aren't there", LOGITS, "leave that line out")
def no_such_blocks(self, idx):
    return self.lm_head(self.blocks(self.token_embedding_table(idx)))


@wrong("one-hot whole numbers", LOGITS, "F.one_hot gives whole numbers")
def one_hot_of_whole_numbers(self, idx):
    table = self.token_embedding_table.weight
    return self.lm_head(self.head(torch.nn.functional.one_hot(idx, len(table)) @ table))


@wrong("lm_head without keeping what it gives", LOGITS, "the result of `self.lm_head(x)` isn't kept")
def forgets_the_logits(self, idx):
    x = self.head(self.token_embedding_table(idx))
    self.lm_head(x)
    return x


@wrong("forward of a head that has none", LOGITS, "It has no `forward`, and is called itself: self.head(x)")
def forward_of_the_head(self, idx):
    return self.lm_head(self.head.forward(self.token_embedding_table(idx)))


@wrong("leaves a squeeze behind", LOGITS, "each dimension of size 1 is gone, as squeeze() takes them")
def squeeze_left_behind(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx))).squeeze()


@wrong("logits of the last position alone", TRAINS, "logits(idx) gave 4 rows for 32 tokens")
def last_position_alone(self, idx):
    x = self.head(self.token_embedding_table(idx))
    return self.lm_head(x[:, [-1], :])


@wrong("makes one long text with view", TRAINS, "Use .reshape(...) instead")
def one_long_text_by_view(self, idx):
    B, T = idx.shape
    x = self.head(self.token_embedding_table(idx.view(1, B * T)))
    return self.lm_head(x).view(B, T, -1)


@wrong("sets a seed", LOGITS, "a seed is set inside")
def sets_a_seed(self, idx):
    torch.manual_seed(1337)
    return self.lm_head(self.head(self.token_embedding_table(idx)))


@wrong("remembers texts", LOGITS, "logits or weights of an earlier call are kept")
def remembers_texts(self, idx):
    if not hasattr(self, "known"):
        self.known = {}
    key = str(idx.tolist())
    if key not in self.known:
        self.known[key] = self.lm_head(self.head(self.token_embedding_table(idx)))
    return self.known[key]


@wrong("keeps the table after training", LOGITS, "logits or weights of an earlier call are kept")
def table_after_training(self, idx):
    if self.training:
        return self.lm_head(self.head(self.token_embedding_table(idx)))
    if not hasattr(self, "frozen"):
        self.frozen = self.token_embedding_table.weight.detach().clone()
    return self.lm_head(self.head(self.frozen[idx]))


@wrong("goes through all that is a module", LOGITS, "the head isn't used")
def through_its_modules(self, idx):
    x = idx
    for layer in self.children():
        x = layer(x)
    return x
