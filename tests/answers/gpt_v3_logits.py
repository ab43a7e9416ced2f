"""What goes into GPTVer3.logits."""

import torch

from tests.answers import right, wrong

APART = "gpt_v3_tells_repeated_tokens_apart"
ADDS = "gpt_v3_adds_positions_to_sequences_of_any_length"


@wrong("no positions", APART, "pos_encodings is not added to the embeddings")
def no_positions(self, idx):
    return self.lm_head(self.head(self.token_embedding_table(idx)))


@wrong("positions after the head", ADDS, "added after the head")
def after_the_head(self, idx):
    T, C = idx.shape[1], self.token_embedding_table.embedding_dim
    return self.lm_head(self.head(self.token_embedding_table(idx)) + self.pos_encodings(self.block_size, C)[:T])


@wrong("works for T = block_size only", ADDS, "add the first T positions")
def whole_block_only(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x + self.pos_encodings(self.block_size, x.shape[-1])))


@wrong("takes the last T codes", ADDS, "the last T positions are added")
def last_positions(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x + self.pos_encodings(self.block_size, x.shape[-1])[-idx.shape[1] :]))


@wrong("multiplies", ADDS, "multiplied with the embeddings")
def multiplied(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x * self.pos_encodings(idx.shape[1], x.shape[-1])))


@wrong("only the positions", ADDS, "only the positions go into the head")
def only_positions(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(self.pos_encodings(idx.shape[1], x.shape[-1]).expand(x.shape)))


@wrong("the code of position 0 everywhere", APART, "get the same logits")
def first_code_everywhere(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x + self.pos_encodings(self.block_size, x.shape[-1])[0]))


@wrong("leaves the head out", ADDS, "the head isn't used")
def no_head(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(x + self.pos_encodings(idx.shape[1], x.shape[-1]))


@wrong("swaps the arguments of pos_encodings", ADDS, "stops with RuntimeError")
def swapped_sizes(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x + self.pos_encodings(x.shape[-1], self.block_size)[: idx.shape[1]]))


@wrong("adds twice", ADDS, "the positions are added twice")
def added_twice(self, idx):
    x = self.token_embedding_table(idx)
    positions = self.pos_encodings(idx.shape[1], x.shape[-1])
    return self.lm_head(self.head(x + positions + positions))


@wrong(
    "adds them in place to a detached table", "gpt_v3_trains_and_generates", "No gradient reaches token_embedding_table"
)
def detached(self, idx):
    x = self.token_embedding_table(idx).detach()
    return self.lm_head(self.head(x + self.pos_encodings(idx.shape[1], x.shape[-1])))


@wrong("remembers the codes of the first call", ADDS, "every position gets the code of position 0")
def remembered(self, idx):
    x = self.token_embedding_table(idx)
    if not hasattr(self, "codes"):
        self.codes = self.pos_encodings(idx.shape[1], x.shape[-1])
    return self.lm_head(self.head(x + self.codes[: x.shape[1]]))


@wrong("adds positions in training only", ADDS, "no positions are added")
def training_only(self, idx):
    x = self.token_embedding_table(idx)
    if self.training:
        x = x + self.pos_encodings(idx.shape[1], x.shape[-1])
    return self.lm_head(self.head(x))


@wrong("picks codes by character", ADDS, "index it by position")
def by_character(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x + self.pos_encodings(64, x.shape[-1])[idx]))


@right("by keywords")
def by_keywords(self, idx):
    x = self.token_embedding_table(idx)
    codes = self.pos_encodings(embed_size=x.shape[-1], block_size=self.block_size)
    return self.lm_head(self.head(x + codes[: idx.shape[1]]))


@right("as many codes as characters")
def just_enough(self, idx):
    x = self.token_embedding_table(idx)
    return self.lm_head(self.head(x + self.pos_encodings(idx.shape[1], x.shape[-1])))


@right("by the name of the class, through the logits of GPTVer2")
def by_class_name(self, idx):
    B, T = idx.shape
    C = self.lm_head.in_features
    positions = GPTVer3.pos_encodings(self.block_size, C)[:T]  # noqa: F821
    embedded = self.token_embedding_table(idx)
    return self.lm_head(self.head(embedded + positions[None].expand(B, T, C)))


@right("rows picked by index, any data type")
def by_index(self, idx):
    x = self.token_embedding_table(idx)
    codes = self.pos_encodings(self.block_size, x.size(-1)).to(x.dtype)
    places = torch.arange(idx.shape[1], device=idx.device)
    return self.lm_head(self.head(x.add(codes[places].unsqueeze(0))))


@right("through torch.nn.functional.embedding")
def through_embedding(self, idx):
    x = self.token_embedding_table(idx)
    codes = self.pos_encodings(self.block_size, x.shape[-1])
    x = x + torch.nn.functional.embedding(torch.arange(idx.shape[1]), codes)
    return self.lm_head(self.head(x))
