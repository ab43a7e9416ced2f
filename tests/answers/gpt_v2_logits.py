"""What goes into GPTVer2.logits."""

import torch
import torch.nn.functional as F

from tests.answers import right, wrong

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
