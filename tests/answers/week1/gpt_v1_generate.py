"""What goes into GPTVer1.generate."""

import torch
import torch.nn.functional as F

from tests.answers import right, wrong

CLASS = "GPTVer1"
KEEPS = "generate_keeps_context_and_appends_max_new_tokens"
SAMPLES = "generate_samples_from_softmax_of_last_logits"
CROPS = "generate_never_shows_more_than_block_size"
TRAINED = "generate_writes_likelier_text_after_training"


@wrong("takes the most probable token", SAMPLES, "the most probable token is always taken")
def greedy(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, logits[:, -1].argmax(-1, keepdim=True)), 1)
    return idx


@wrong("draws without looking at the logits", SAMPLES, "all tokens are equally likely")
def uniform(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.randint(logits.shape[-1], (len(idx), 1))
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("takes the logits of the first position", SAMPLES, "the logits of the first position are used")
def first_position(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:, 0], -1), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("takes the logits of the last position but one", SAMPLES, "the last position but one")
def last_but_one(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:, max(logits.shape[1] - 2, 0)], -1), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("averages the logits of all positions", SAMPLES, "the logits of all positions are mixed")
def mean_of_positions(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits.mean(1), -1), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("softmax over the batch", SAMPLES, "softmax runs over the batch")
def softmax_over_batch(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:, -1], dim=0), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("softmax over time", SAMPLES, "softmax runs over the positions")
def softmax_over_time(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits, dim=1)[:, -1], 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("softmax twice", SAMPLES, "softmax was taken twice")
def softmax_twice(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(F.softmax(logits[:, -1], -1), -1), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("logits as weights, negative ones cut off", SAMPLES, "used as weights")
def relu_for_softmax(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(logits[:, -1].relu() + 1e-9, 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("logits go into multinomial as they are", SAMPLES, "stops with RuntimeError")
def no_softmax(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(logits[:, -1], 1)), 1)
    return idx


@wrong("a temperature of 2", SAMPLES, "the logits are scaled")
def temperature(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:, -1] / 2, -1), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("a temperature of 0.8", SAMPLES, "the logits are scaled before the softmax, by a temperature perhaps: here 1.2")
def sharper_temperature(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1, :] / 0.8, dim=-1), 1)), dim=1)
    return idx


@wrong("draws all tokens at once", CROPS, "all new tokens are drawn from one set of logits")
def draws_all_at_once(self, idx, max_new_tokens):
    probabilities = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
    return torch.cat((idx, torch.multinomial(probabilities, max_new_tokens, replacement=True)), 1)


@wrong("draws only among the three best", SAMPLES, "only the 3 most probable tokens are drawn")
def top_three(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        best = logits[:, -1].topk(min(3, logits.shape[-1]))
        drawn = best.indices.gather(1, torch.multinomial(best.values.softmax(-1), 1))
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("one draw for the whole batch", SAMPLES, "got the same next token")
def one_draw_for_all(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:1, -1], -1), 1).expand(len(idx), 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("never feeds the drawn token back", SAMPLES, "each step sees only the first context")
def stale_context(self, idx, max_new_tokens):
    out = idx
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        out = torch.cat((out, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return out


@wrong("returns only the new tokens", KEEPS, "only the new tokens come back")
def only_new(self, idx, max_new_tokens):
    start = idx.shape[1]
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx[:, start:]


@wrong("one token too few", KEEPS, "one token is missing. The loop must run")
def off_by_one(self, idx, max_new_tokens):
    for _ in range(max_new_tokens - 1):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("max_new_tokens as the total length", KEEPS, "expected (")
def total_length(self, idx, max_new_tokens):
    while idx.shape[1] < max_new_tokens:
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("keeps the cropped context", KEEPS, "the cropped context was kept")
def keeps_the_crop(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        idx = idx[:, -self.block_size :]
        logits, _ = self(idx)
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("puts new tokens in front", KEEPS, "should keep the context")
def prepends(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((torch.multinomial(F.softmax(logits[:, -1], -1), 1), idx), 1)
    return idx


@wrong("appends below instead of behind", KEEPS, "stops with RuntimeError")
def wrong_dimension(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 0)
    return idx


@wrong("forgets the return", KEEPS, "returned None")
def no_return(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)


@wrong("returns a list", KEEPS, "returned a list")
def returns_list(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx.tolist()


@wrong("returns probabilities behind the context", KEEPS, "token numbers are integers")
def returns_floats(self, idx, max_new_tokens):
    out = idx.float()
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        out = torch.cat((out, F.softmax(logits[:, -1], -1).amax(-1, keepdim=True)), 1)
    return out


@wrong("writes into the context it was given", KEEPS, "changed its input")
def in_place(self, idx, max_new_tokens):
    out = idx
    for _ in range(max_new_tokens):
        logits, _ = self(out[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:, -1], -1), 1)
        out = torch.cat((out, drawn), 1)
        idx[:, -1:] = drawn
    return out


@wrong("shows the model everything", CROPS, "block_size is 4, and more it can't take")
def no_crop(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx)
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("shows the first block_size tokens", CROPS, "the first block_size tokens are shown")
def crops_the_start(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, : self.block_size])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("shows one token too few", CROPS, "one token too few is shown")
def crops_too_much(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -max(1, self.block_size - 1) :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("shows only the last token", CROPS, "never more than 1 are shown")
def last_token_only(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -1:])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("reads the table itself", CROPS, "never asked the model")
def reads_the_table(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self.token_embedding_table(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("a model of its own that never trains", TRAINED, "expected at least 1 less")
def ignores_training(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = torch.zeros_like(self(idx[:, -self.block_size :])[0])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("sets a seed", SAMPLES, "a seed is set inside of generate")
def seeded(self, idx, max_new_tokens):
    torch.manual_seed(1337)
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("a temperature of 0.9", SAMPLES, "draws fit softmax of the logits times 1.12")
def mild_temperature(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1] / 0.9, -1), 1)), 1)
    return idx


@wrong("draws only among the ten best", SAMPLES, "only the 10 most probable tokens are drawn")
def top_ten(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        best = logits[:, -1].topk(min(10, logits.shape[-1]))
        idx = torch.cat((idx, best.indices.gather(1, torch.multinomial(best.values.softmax(-1), 1))), 1)
    return idx


@wrong("draws while training only", SAMPLES, "the most probable token is always taken")
def greedy_in_eval(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        probabilities = F.softmax(self(idx[:, -self.block_size :])[0][:, -1], -1)
        drawn = torch.multinomial(probabilities, 1) if self.training else probabilities.argmax(-1, keepdim=True)
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("pads short contexts", CROPS, "without padding")
def padded(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        context = F.pad(idx, (max(0, self.block_size - idx.shape[1]), 0))[:, -self.block_size :]
        logits, _ = self(context)
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("stops at token 0", KEEPS, "the loop ends too early")
def stops_early(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.multinomial(F.softmax(logits[:, -1], -1), 1)
        if (drawn == 0).all():
            break
        idx = torch.cat((idx, drawn), 1)
    return idx


@wrong("turns gradients off for good", KEEPS, "Use `with torch.no_grad():`")
def gradients_off(self, idx, max_new_tokens):
    torch.set_grad_enabled(False)
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("the likeliest tokens up to 90 %", SAMPLES, "softmax of the last logits gives")
def nucleus(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1]
        p = logits.softmax(-1)
        s, i = p.sort(-1, descending=True)
        keep = s.cumsum(-1) - s < 0.9
        s = s * keep
        s = s / s.sum(-1, keepdim=True)
        pick = torch.multinomial(s, 1)
        idx = torch.cat([idx, i.gather(1, pick)], 1)
    return idx


@wrong("takes the likeliest token first, draws the others", SAMPLES, "the most probable token is always taken")
def first_token_greedy(self, idx, max_new_tokens):
    for i in range(max_new_tokens):
        p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
        nxt = p.argmax(-1, keepdim=True) if i == 0 else torch.multinomial(p, 1)
        idx = torch.cat([idx, nxt], 1)
    return idx


@wrong("one distribution for the whole batch", SAMPLES, "the probabilities of the examples are averaged")
def averages_the_batch(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1).mean(0, keepdim=True)
        nxt = torch.multinomial(p, len(idx), replacement=True).T
        idx = torch.cat([idx, nxt], 1)
    return idx


@wrong("each example gets the draws of another", SAMPLES, "aren't kept apart")
def next_example(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1).roll(1, 0)
        idx = torch.cat([idx, torch.multinomial(p, 1)], 1)
    return idx


@wrong("the same noise for every example", SAMPLES, "one draw is used for the whole batch")
def one_noise_for_all(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1]
        g = -torch.log(-torch.log(torch.rand(logits.shape[-1])))
        idx = torch.cat([idx, (logits + g).argmax(-1, keepdim=True)], 1)
    return idx


@wrong("takes the largest probability for the token", SAMPLES, "expected a draw for each")
def takes_the_probability(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1]
        idx = torch.cat([idx, logits.softmax(-1).max(-1, keepdim=True).values.long()], 1)
    return idx


@wrong("leaves the first token of the vocabulary out", SAMPLES, "some tokens are never drawn")
def never_token_0(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1, 1:]
        idx = torch.cat([idx, 1 + torch.multinomial(logits.softmax(-1), 1)], 1)
    return idx


@wrong("forbids the token before", SAMPLES, "the token before is never drawn again")
def never_twice(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1].clone()
        logits.scatter_(1, idx[:, -1:], float("-inf"))
        idx = torch.cat([idx, torch.multinomial(logits.softmax(-1), 1)], 1)
    return idx


@wrong("numbers the tokens from 1", SAMPLES, "shifted by one")
def counts_from_1(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1]
        idx = torch.cat([idx, (1 + torch.multinomial(logits.softmax(-1), 1)) % logits.shape[-1]], 1)
    return idx


@wrong("adds up the logits of all positions", SAMPLES, "the logits of all positions are added up")
def sums_positions(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0].sum(1)
        idx = torch.cat([idx, torch.multinomial(logits.softmax(-1), 1)], 1)
    return idx


@wrong("sigmoid instead of softmax", SAMPLES, "sigmoid was used in place of softmax")
def sigmoid(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1]
        idx = torch.cat([idx, torch.multinomial(logits.sigmoid(), 1)], 1)
    return idx


@wrong("reads the position where the context ended", SAMPLES, "the logits are taken where the first context ended")
def fixed_position(self, idx, max_new_tokens):
    T = idx.shape[1]
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size :])[0][:, min(T, self.block_size) - 1].softmax(-1)
        idx = torch.cat([idx, torch.multinomial(p, 1)], 1)
    return idx


@wrong("draws from log-probabilities", SAMPLES, "torch.multinomial takes probabilities")
def log_probabilities(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size :])[0][:, -1].log_softmax(-1)
        idx = torch.cat([idx, torch.multinomial(p, 1)], 1)
    return idx


@wrong("takes the pair for the logits", KEEPS, "self(idx) gives a pair, (logits, loss)")
def forgets_the_pair(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[:, -1]
        idx = torch.cat([idx, torch.multinomial(logits.softmax(-1), 1)], 1)
    return idx


@wrong("draws for all positions", KEEPS, "pick the last position first")
def all_positions_at_once(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0]
        idx = torch.cat([idx, torch.multinomial(logits.softmax(-1), 1)], 1)
    return idx


@wrong("fits one context only", KEEPS, ".item() takes a tensor of one number")
def one_number(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0][:, -1]
        n = torch.multinomial(logits.softmax(-1), 1).item()
        idx = torch.cat([idx, torch.tensor([[n]])], 1)
    return idx


@wrong("shows one token less than it might", CROPS, "one token too few is shown")
def one_too_few(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size + 1 :])[0][:, -1].softmax(-1)
        idx = torch.cat([idx, torch.multinomial(p, 1)], 1)
    return idx


@wrong("shows one token more than it may", CROPS, "block_size is 4, and more it can't take")
def one_too_many(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size - 1 :])[0][:, -1].softmax(-1)
        idx = torch.cat([idx, torch.multinomial(p, 1)], 1)
    return idx


@wrong("empties the context when it is full", CROPS, "Crop with idx[:, -self.block_size:]")
def starts_anew(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        start = (idx.shape[1] - 1) // self.block_size * self.block_size
        p = self(idx[:, start:])[0][:, -1].softmax(-1)
        idx = torch.cat([idx, torch.multinomial(p, 1)], 1)
    return idx


@wrong("crops before the loop only", CROPS, "block_size is 4, and more it can't take")
def crops_once(self, idx, max_new_tokens):
    ctx = idx[:, -self.block_size :]
    for _ in range(max_new_tokens):
        p = self(ctx)[0][:, -1].softmax(-1)
        nxt = torch.multinomial(p, 1)
        idx = torch.cat([idx, nxt], 1)
        ctx = torch.cat([ctx, nxt], 1)
    return idx


@wrong("compares the number of examples with block_size", CROPS, "block_size is 4, and more it can't take")
def compares_the_batch(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        c = idx if idx.shape[0] <= self.block_size else idx[:, -self.block_size :]
        logits = self(c)[0][:, -1]
        idx = torch.cat([idx, torch.multinomial(logits.softmax(-1), 1)], 1)
    return idx


@wrong("keeps the probabilities that it saw once", SAMPLES, "probabilities of an earlier call were kept")
def remembers_probabilities(self, idx, max_new_tokens):
    if not hasattr(self, "shares"):
        self.shares = self.logits(torch.arange(self.token_embedding_table.num_embeddings)[None])[0].detach().softmax(-1)
    for _ in range(max_new_tokens):
        idx = torch.cat((idx, torch.multinomial(self.shares[idx[:, -1]], 1)), 1)
    return idx


@wrong("appends the probability that was drawn, cut to a whole number", SAMPLES, "no token that was drawn")
def appends_the_probability(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        shares = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1)
        token = torch.multinomial(shares, 1)
        idx = torch.cat((idx, torch.take_along_dim(shares, token, 1).long()), 1)
    return idx


@wrong("shows zeros that nobody wrote", SAMPLES, "tokens that nobody wrote yet")
def shows_padding(self, idx, max_new_tokens):
    out = F.pad(idx, (0, max_new_tokens))
    for step in range(idx.shape[1], out.shape[1]):
        shares = self.logits(out[:, -self.block_size :])[:, -1].softmax(-1)
        out[:, step] = torch.multinomial(shares, 1)[:, 0]
    return out


@wrong("cuts the last character off too", KEEPS, "the slice before it cut everything off")
def empty_context(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        shares = self.logits(idx[:, -1:-1])[:, -1].softmax(-1)
        idx = torch.cat((idx, torch.multinomial(shares, 1)), 1)
    return idx


@wrong("replaces idx", KEEPS, "idx was replaced by the last token")
def replaces_idx(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        idx = torch.multinomial(self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1), 1)
    return idx


@wrong("a tensor that should grow", KEEPS, "A tensor can't grow")
def grows(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        idx.append(torch.multinomial(self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1), 1))
    return idx


@wrong("a misspelled function", KEEPS, "Did you mean torch.multinomial")
def misspelled(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        shares = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1)
        idx = torch.cat((idx, torch.multinominal(shares, 1)), 1)
    return idx


@wrong("the last example for the last position", KEEPS, "logits[-1] the last example")
def last_example(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(logits[-1].softmax(-1), 1)), 1)
    return idx


@wrong("takes the loss for the logits", KEEPS, "without targets there is no loss")
def takes_the_loss(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        _, logits = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(logits[:, -1].softmax(-1), 1)), 1)
    return idx


@right("asks `logits` instead of the model")
def asks_logits(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        probabilities = torch.softmax(self.logits(idx[:, -self.block_size :])[:, -1], dim=1)
        idx = torch.cat([idx, torch.multinomial(probabilities, num_samples=1)], dim=-1)
    return idx


@right("draws with torch.distributions")
def categorical(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self.forward(idx[:, -self.block_size :])
        drawn = torch.distributions.Categorical(logits=logits[:, -1]).sample()
        idx = torch.hstack((idx, drawn[:, None]))
    return idx


@right("draws with the Gumbel trick")
def gumbel(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        last = self(idx[:, -self.block_size :])[0][:, -1]
        noise = -torch.log(torch.empty_like(last).exponential_())
        idx = torch.cat((idx, (last + noise).argmax(-1, keepdim=True)), 1)
    return idx


@right("draws by the inverse of the cumulative distribution")
def inverse_cdf(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        last = self(idx[:, -self.block_size :])[0][:, -1]
        steps = last.softmax(-1).cumsum(-1)
        drawn = (torch.rand(len(idx), 1) > steps).sum(-1, keepdim=True).clamp(max=last.shape[-1] - 1)
        idx = torch.cat((idx, drawn), 1)
    return idx


@right("fills a table of the final size")
def preallocated(self, idx, max_new_tokens):
    B, T = idx.shape
    out = torch.empty(B, T + max_new_tokens, dtype=torch.long)
    out[:, :T] = idx
    with torch.no_grad():
        for t in range(T, T + max_new_tokens):
            logits, _ = self(out[:, max(0, t - self.block_size) : t])
            out[:, t] = torch.multinomial(F.softmax(logits[:, -1, :], dim=-1), 1).squeeze(1)
    return out


@right("exponentials by hand, largest logit taken off, float64")
def softmax_by_hand(self, idx, max_new_tokens):
    self.eval()
    for _ in range(max_new_tokens):
        context = idx if idx.size(1) <= self.block_size else idx[:, -self.block_size :]
        last = self(context)[0][:, -1].double()
        weights = (last - last.amax(-1, keepdim=True)).exp()
        idx = torch.cat((idx, torch.multinomial(weights, 1)), 1)
    return idx


@right("prints and warns on the way")
def chatty(self, idx, max_new_tokens):
    import sys
    import warnings

    warnings.warn("generating", stacklevel=1)
    print("generating", file=sys.stderr)
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1]), 1)), 1)
    return idx


@right("exponential waiting times: the first to come wins")
def exponential_race(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1)
        idx = torch.cat([idx, (p / torch.empty_like(p).exponential_()).argmax(-1, keepdim=True)], 1)
    return idx


@right("F.gumbel_softmax")
def gumbel_softmax(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = self.logits(idx[:, -self.block_size :])[:, -1]
        idx = torch.cat([idx, F.gumbel_softmax(logits, hard=True).argmax(-1, keepdim=True)], 1)
    return idx


@right("counts how many cumulated shares lie below a uniform number")
def inverse_cdf_by_comparison(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1)
        u = torch.rand(len(p), 1)
        n = (p.cumsum(-1) < u).sum(-1, keepdim=True).clamp(max=p.shape[-1] - 1)
        idx = torch.cat([idx, n], 1)
    return idx


@right("draws with Python's random")
def python_random(self, idx, max_new_tokens):
    import random

    for _ in range(max_new_tokens):
        p = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1)
        n = [random.choices(range(p.shape[1]), weights=row)[0] for row in p.tolist()]
        idx = torch.cat([idx, torch.tensor(n)[:, None]], 1)
    return idx


@right("draws with NumPy's generator")
def numpy_generator(self, idx, max_new_tokens):
    import numpy as np

    rng = np.random.default_rng()
    for _ in range(max_new_tokens):
        p = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1).detach().double().numpy()
        u = rng.random((len(p), 1))
        n = (p.cumsum(1) < u).sum(1).clip(max=p.shape[1] - 1)
        idx = torch.cat([idx, torch.from_numpy(n)[:, None]], 1)
    return idx


@right("recursion")
def recursive(self, idx, max_new_tokens):
    if max_new_tokens == 0:
        return idx
    logits, _ = self(idx[:, -self.block_size :])
    n = torch.multinomial(F.softmax(logits[:, -1], -1), 1)
    return self.generate(torch.hstack((idx, n)), max_new_tokens - 1)


@right("torch.inference_mode")
def inference_mode(self, idx, max_new_tokens):
    with torch.inference_mode():
        for _ in range(max_new_tokens):
            logits, loss = self(idx[:, -self.block_size :])
            idx = torch.cat([idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)], -1)
    return idx


@right("32-bit token numbers")
def int32(self, idx, max_new_tokens):
    out = idx.int()
    for _ in range(max_new_tokens):
        logits = self(out[:, -self.block_size :])[0]
        n = torch.distributions.Categorical(logits[:, -1].softmax(1)).sample().int()
        out = torch.cat((out, n[:, None]), 1)
    return out


@right("its own generator, seeded anew from torch's")
def own_generator(self, idx, max_new_tokens):
    g = torch.Generator().manual_seed(torch.randint(2**31, ()).item())
    for _ in range(max_new_tokens):
        logits = self(idx[:, -self.block_size :])[0]
        idx = torch.cat((idx, torch.multinomial(logits[:, -1].softmax(-1), 1, generator=g)), 1)
    return idx


@right("narrow and select")
def narrow(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        n = min(self.block_size, idx.shape[1])
        logits = self(idx.narrow(1, idx.shape[1] - n, n))[0]
        idx = torch.cat((idx, logits.select(1, -1).softmax(1).multinomial(1)), 1)
    return idx


@right("a list of columns, joined at the end")
def list_of_columns(self, idx, max_new_tokens):
    columns = list(idx.T)
    for _ in range(max_new_tokens):
        seen = torch.stack(columns[-self.block_size :], 1)
        columns.append(torch.multinomial(self(seen)[0][:, -1].softmax(-1), 1)[:, 0])
    return torch.stack(columns, 1)


@wrong("in front, and one too few", KEEPS, "one token is missing")
def in_front_and_one_too_few(self, idx, max_new_tokens):
    for _ in range(max_new_tokens - 1):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((torch.multinomial(F.softmax(logits[:, -1], -1), 1), idx), 1)
    return idx


@wrong("one token too many", KEEPS, "one token too many")
def one_token_too_many(self, idx, max_new_tokens):
    for _ in range(max_new_tokens + 1):
        logits, _ = self(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(F.softmax(logits[:, -1], -1), 1)), 1)
    return idx


@wrong("room of floats", KEEPS, "these are whole, but kept as torch.float32")
def room_of_floats(self, idx, max_new_tokens):
    text = torch.cat((idx, torch.zeros(len(idx), max_new_tokens)), 1)
    for t in range(idx.shape[1], text.shape[1]):
        logits, _ = self(text[:, max(0, t - self.block_size) : t])
        text[:, t] = torch.multinomial(F.softmax(logits[:, -1], -1), 1)[:, 0]
    return text


@wrong("logits as the first argument of Categorical", KEEPS, "Categorical(logits=...)")
def logits_as_probabilities(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self(idx[:, -self.block_size :])
        drawn = torch.distributions.Categorical(logits[:, -1]).sample()
        idx = torch.cat((idx, drawn[:, None]), 1)
    return idx


@wrong("all drawn at once", SAMPLES, "all new tokens are drawn from one set of logits")
def all_at_once(self, idx, max_new_tokens):
    logits, _ = self(idx[:, -self.block_size :])
    drawn = torch.multinomial(F.softmax(logits[:, -1], -1), max_new_tokens, replacement=True)
    return torch.cat((idx, drawn), 1)


@wrong("uniform noise before the largest", SAMPLES, "the noise is uniform")
def uniform_noise(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        last = self.logits(idx[:, -self.block_size :])[:, -1]
        idx = torch.cat((idx, (last + torch.rand(last.shape)).argmax(1, keepdim=True)), 1)
    return idx


@wrong("normal noise before the largest", SAMPLES, "the noise is normal")
def normal_noise(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        last = self.logits(idx[:, -self.block_size :])[:, -1]
        idx = torch.cat((idx, (last + torch.randn_like(last)).argmax(1, keepdim=True)), 1)
    return idx


@wrong("multiplies by exponential noise", SAMPLES, "the largest of probabilities times noise is taken")
def times_exponential_noise(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self.logits(idx[:, -self.block_size :])[:, -1].softmax(-1)
        race = p * torch.empty_like(p).exponential_()
        idx = torch.cat((idx, race.argmax(1, keepdim=True)), 1)
    return idx


@wrong("shows what it drew alone", CROPS, "after the first step only the last token is shown")
def shows_what_it_drew(self, idx, max_new_tokens):
    shown = idx[:, -self.block_size :]
    for _ in range(max_new_tokens):
        shown = torch.multinomial(self(shown)[0][:, -1].softmax(-1), 1)
        idx = torch.cat((idx, shown), 1)
    return idx


@wrong("takes logits apart", KEEPS, "takes one tensor apart, along its first dimension")
def takes_logits_apart(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        logits, _ = self.logits(idx[:, -self.block_size :])
        idx = torch.cat((idx, torch.multinomial(logits[:, -1, :].softmax(-1), 1)), 1)
    return idx


@wrong("shows the first context alone", SAMPLES, "each step sees only the first context")
def first_context_alone(self, idx, max_new_tokens):
    shown = idx[:, -self.block_size :]
    for _ in range(max_new_tokens):
        p = self(shown)[0][:, -1].softmax(-1)
        idx = torch.cat((idx, torch.multinomial(p, 1)), 1)
    return idx


@wrong("puts the text into bytes", KEEPS, "the numbers were put into 8 bits, which end at 255")
def in_bytes(self, idx, max_new_tokens):
    B, T = idx.shape
    text = torch.zeros(B, T + max_new_tokens, dtype=torch.uint8)
    text[:, :T] = idx
    for t in range(T, T + max_new_tokens):
        shown = text[:, max(0, t - self.block_size) : t].long()
        text[:, t] = torch.multinomial(self(shown)[0][:, -1].softmax(-1), 1)[:, 0]
    return text.long()


@wrong("puts the new tokens into bytes", SAMPLES, "the numbers were put into 8 bits, which end at 255")
def new_ones_in_bytes(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        token = torch.multinomial(self(idx[:, -self.block_size :])[0][:, -1].softmax(-1), 1)
        idx = torch.cat((idx, token.to(torch.uint8)), 1)
    return idx


@wrong("cuts large logits off", SAMPLES, "large logits were cut off before the softmax")
def large_logits_cut(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        last = self(idx[:, -self.block_size :])[0][:, -1].clamp(-8, 8)
        idx = torch.cat((idx, torch.multinomial(last.softmax(-1), 1)), 1)
    return idx


@wrong("shows the last token alone after training", CROPS, "never more than 1 are shown")
def last_token_after_training(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        shown = idx[:, -self.block_size :] if self.training else idx[:, -1:]
        idx = torch.cat((idx, torch.multinomial(self(shown)[0][:, -1].softmax(-1), 1)), 1)
    return idx


@wrong("gives bytes back", KEEPS, "the numbers were put into 8 bits, which end at 255")
def bytes_come_back(self, idx, max_new_tokens):
    for _ in range(max_new_tokens):
        p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
        idx = torch.cat((idx, torch.multinomial(p, 1)), 1)
    return idx.to(torch.uint8)
