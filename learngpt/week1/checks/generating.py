"""Checks of GPTVer1.generate: what it keeps, what it draws from, and what it shows the model."""

import math

import torch

from learngpt.advice import uses, what_ends_a_loop
from learngpt.checking import CheckFailed, brief, check, run, seeded, two_causes
from learngpt.language import counted, mark, say
from learngpt.week1.checks.models import descend, loss_of, step_back

NAME = "generate(idx, max_new_tokens)"
ASKED_ONCE = mark("all new tokens are drawn from one set of logits. Draw one, append it, and ask the model again.")
IN_A_BYTE = mark("the numbers were put into 8 bits, which end at 255. Token numbers are torch.int64.")
MANY = 600  # tokens; Korean text has more than a byte can number
IN_FRONT = mark("the new tokens stand in front. Append them: (idx, token), not (token, idx).")


def _generated(model, idx, new):
    """What a model's generate gives, if it is integers of shape (B, T + new) that begin with idx."""
    B, T = idx.shape
    if not hasattr(model, "generate"):
        raise CheckFailed(say("GPTVer1 has no generate. Is it indented, so that it stands inside of the class?"))
    out = run(f"generate(idx, {new})", model.generate, idx, new, keeps_gradients=True)
    if out is None:
        raise CheckFailed(say("{what} returned None. Is a `return` missing?", what=NAME))
    if not isinstance(out, torch.Tensor):
        said = say(
            "{what} returned a {kind}; expected a tensor of token numbers, (B, T).", what=NAME, kind=type(out).__name__
        )
        raise CheckFailed(said)
    if tuple(out.shape) != (B, T + new):
        raise _wrong_shape(out, idx, new, model)
    if out.dtype in (torch.uint8, torch.int8):
        raise CheckFailed(
            say("{what} returned {dtype}, expected torch.int64.", what=NAME, dtype=out.dtype), say(IN_A_BYTE)
        )
    if out.dtype not in (torch.int32, torch.int64):
        raise CheckFailed(
            say(
                "{what} returned {dtype}; token numbers are integers, torch.int64.\n"
                "Were probabilities or logits appended, not the number that torch.multinomial drew?",
                what=NAME,
                dtype=out.dtype,
            )
        )
    if not torch.equal(out[:, :T], idx.to(out.dtype)):
        said = say(
            "{what} should keep the context: it began with {context} and came back as {yours}.",
            what=NAME,
            context=brief(idx[0]),
            yours=brief(out[0, :T]),
        )
        if torch.equal(out[:, new:], idx.to(out.dtype)):
            raise CheckFailed(said, say(IN_FRONT))
        if torch.equal(out[:, :T] % 256, idx.to(out.dtype) % 256):
            raise CheckFailed(said, say(IN_A_BYTE))
        append = say("Append each new token behind the context, along dim=1, and leave the rest as it is.")
        raise CheckFailed(f"{said}\n{append}")
    return out


def _wrong_shape(out, idx, new, model):
    B, T = idx.shape
    said = say(
        "{what} gave shape {yours} for idx {given} and {new} new tokens; expected {expected}.",
        what=NAME,
        yours=tuple(out.shape),
        given=(B, T),
        new=new,
        expected=(B, T + new),
    )
    cause = _cause_of_shape(out, idx, new, model)
    if not cause:
        said = f"{said}\n" + say("Each step appends one token of shape (B, 1) along dim=1.")
    return CheckFailed(said, cause)


def _cause_of_shape(out, idx, new, model):
    B, T = idx.shape
    block_size, ends = getattr(model, "block_size", None), what_ends_a_loop(model.generate)
    if out.dim() == 3:
        return say("these are logits or probabilities, or stacked tokens. What comes back are token numbers, (B, T).")
    if out.dim() != 2:
        return say("a dimension was taken away. Tokens come back as (B, T), one row for each example.")
    rows, length = out.shape
    begins = rows == B and torch.equal(out[:, :T], idx[:, :length].to(out.dtype))
    if rows == B and length == 1 < T:
        return say("idx was replaced by the last token. Append to it instead: torch.cat((idx, token), dim=1).")
    if rows == B and length == new and not begins:
        return say("only the new tokens come back. Return the context and the new tokens.")
    if rows == B and length == T and not (begins and ends):
        return say(
            "idx comes back without the new tokens. Either what torch.cat returns isn't kept, idx = torch.cat(...), or "
            "the loop ends too early."
        )
    if rows == 1 < B and length == T + new:
        return say("only one example comes back. All of the batch go on at once.")
    if rows > B:
        return say("the new tokens were put below the context, dim=0. Time is dim=1.")
    if rows != B:
        return say("the number of examples changed. All of the batch go on at once.")
    if begins and length < T + new and ends:
        early = counted(
            "the loop ends too early, after {n} new token of {new}.",
            "the loop ends too early, after {n} new tokens of {new}.",
            length - T,
            new=new,
        )
        return f"{early} {ends}"
    if begins and length == max(T, new):
        return say(
            "max_new_tokens was taken for the length of the whole text. It is the number of new tokens, behind T."
        )
    if begins and length == 2 * T + new:
        return say("the context was appended once more. Append the new token alone.")
    if length in (T + new - 1, T + new + 1) and not (_in_front(out, idx) and begins):
        cause = (
            say("one token is missing. The loop must run max_new_tokens times: range(max_new_tokens).")
            if length < T + new
            else say("there is one token too many. The loop must run max_new_tokens times: range(max_new_tokens).")
        )
        return cause if begins or not _in_front(out, idx) else two_causes(cause, say(IN_FRONT))
    if begins and length == T + 2 * new:
        return say("each step appends two tokens, or the loop runs twice as often.")
    if begins and length < T + new:
        return say("the loop ends too early.")
    if begins and length > T + new:
        return say("more than one token is appended in each step. It is the one behind the last position.")
    if not begins and block_size and length in (block_size, block_size + 1):
        return say("the cropped context was kept. Crop only what the model is shown.")
    return say(IN_FRONT) if not begins and _in_front(out, idx) else ""


def _in_front(out, idx):
    """Whether tokens (B, L) end with the context (B, T)."""
    return torch.equal(out[:, -idx.shape[1] :], idx.to(out.dtype))


@check
def generate_appends(GPT, vocab_size=7, block_size=8, B=2, T=3, new=5, seed=0):
    """The context stays as it is, and exactly `new` tokens of the vocabulary follow it."""
    torch.manual_seed(seed)  # so that the same mistake gets the same words each time
    model = run("GPTVer1(vocab_size, block_size)", GPT, vocab_size, block_size)
    idx = torch.randint(vocab_size, (B, T), generator=seeded(seed))
    out = _generated(model, idx, new)
    if ((out < 0) | (out >= vocab_size)).any():
        raise CheckFailed(
            say(
                "{what} made tokens outside 0 to {last}: {yours}.\n"
                "What is appended is the number of a token that was drawn, as torch.multinomial gives it.",
                what=NAME,
                last=vocab_size - 1,
                yours=brief(out[0, T:]),
            )
        )
    many = run("GPTVer1(vocab_size, block_size)", GPT, MANY, block_size)
    _generated(many, torch.randint(256, MANY, (B, T), generator=seeded(seed)), new)


@check
def generate_samples(GPT, vocab_size=5, T=3, new=2, rows=6000, seed=0):
    """The next token is drawn from the softmax of the logits of the last position, for each example on its own.

    A right answer fails with a probability below 1e-8 for each distribution that is compared.
    """
    model = run("GPTVer1(vocab_size, block_size)", GPT, vocab_size, 8)
    table = 1 + 1.2 * torch.randn(vocab_size, vocab_size, generator=seeded(seed + 1))
    weight = model.token_embedding_table.weight
    if tuple(weight.shape) != (vocab_size, vocab_size):
        raise CheckFailed(
            say(
                "token_embedding_table has shape {yours}, expected {expected}.",
                yours=tuple(weight.shape),
                expected=(vocab_size, vocab_size),
            )
        )
    with torch.no_grad():
        weight.copy_(table)
    contexts = _contexts(vocab_size, T, seeded(seed + 2))
    idx = contexts.repeat(rows // 3, 1)
    if not torch.equal(run("logits(idx)", model.logits, contexts), table[contexts]):
        raise CheckFailed(say("logits(idx) must be the rows of the table. Leave `logits` as it was given."))
    torch.manual_seed(seed)
    out = _generated(model, idx, new)
    again = _generated(model.eval(), idx, new)
    _draws_apart(out, again, table, T)
    if torch.equal(out, again) and not torch.equal(out[:, T], table[out[:, T - 1]].argmax(1)):
        raise CheckFailed(
            say("Two calls drew the same {number} tokens; expected new draws.", number=out[:, T:].numel()),
            say("a seed is set inside of generate. Whoever calls it sets the seed, if anybody does."),
        )
    _compare_all_draws(GPT, out, table, T, contexts)
    _compare_all_draws(GPT, again, table, T, contexts)
    # The model learns between two calls.
    with torch.no_grad():
        weight.copy_(table.flip(1))
    learned = _generated(model, idx, new)
    if _wrong_draws(learned, table.flip(1), T) and not _wrong_draws(learned, table, T):
        raise CheckFailed(
            say("After the model had changed, the tokens still came as before."),
            say("probabilities of an earlier call were kept. Ask the model in each step."),
        )
    _compare_all_draws(GPT, learned, table.flip(1), T, contexts)
    _draws_what_is_sure(model, vocab_size, T)
    many = run("GPTVer1(vocab_size, block_size)", GPT, MANY, T + 15)
    text = _generated(many, torch.randint(256, (4, T), generator=seeded(seed)), 15)
    if (text[:, T:] < 256).all():  # by chance less than once in 10^15
        said = say("Of {count} tokens, none of the {number} that were drawn is above 255.", count=MANY, number=60)
        raise CheckFailed(said, say(IN_A_BYTE))


def _draws_what_is_sure(model, vocab_size, T):
    """Where one logit of each row is larger by 40, only its token may come; all logits are large."""
    follows = torch.arange(vocab_size).roll(1)
    with torch.no_grad():
        weight = model.token_embedding_table.weight
        weight.fill_(30)
        weight[torch.arange(vocab_size), follows] = 70
    idx = torch.arange(vocab_size)[:, None].repeat(1, T)
    out = _generated(model, idx, 3)
    wrong = (out[:, T:] != follows[out[:, T - 1 : -1]]).nonzero()
    if len(wrong):
        row, step = wrong[0].tolist()
        before, yours = out[row, T + step - 1].item(), out[row, T + step].item()
        said = say(
            "After the token number {before} came {yours}; softmax of the logits, 70 for {expected} and 30 for all "
            "others, leaves nothing but {expected}.",
            before=before,
            yours=yours,
            expected=follows[before].item(),
        )
        raise CheckFailed(said, say("large logits were cut off before the softmax. Take them as they are."))


def _contexts(vocab_size, T, generator):
    """Three contexts, (3, T), to be repeated so that draws can be counted; no last token occurs elsewhere in them."""
    order = torch.randperm(vocab_size, generator=generator)
    before = order[3:][torch.arange(3 * (T - 1)) % (vocab_size - 3)].view(3, T - 1)
    return torch.cat((before, order[:3, None]), 1)


def _draws_apart(out, again, table, T):
    """Examples that are alike must not all get the same draw; with thousands of them chance can't do that."""
    for text in (out, again):
        for step in range(T, text.shape[1]):
            drawn, logits = text[:, step], table[text[:, step - 1]]
            if not _all_alike(drawn):
                break
            if torch.equal(drawn, logits.argmax(1)) or torch.equal(drawn, logits.argmin(1)):
                continue  # nothing is drawn at all; the comparison of the draws says so
            if (text[:, T:] == 0).all():
                cause = say(
                    "what is appended is no token that was drawn: only 0 ever comes. torch.multinomial gives the "
                    "tokens themselves."
                )
            else:
                cause = say("one draw is used for the whole batch, or none. torch.multinomial takes all rows.")
            said = say(
                "All {number} copies of a context got the same next token, {token}; expected a draw for each.",
                number=len(out) // 3,
                token=drawn[0].item(),
            )
            raise CheckFailed(said, cause)


def _all_alike(drawn):
    """Whether each of three contexts, whose rows take turns, got one token in all of its rows."""
    return bool((drawn == drawn[:3].repeat(len(drawn) // 3)).all())


def _compare_all_draws(GPT, out, table, T, contexts):
    """Compare the draws of each context, step and token before with the distribution they should come from."""
    wrong = _wrong_draws(out, table, T)
    if not wrong:
        return _compare_scale(out, table, T)
    before, drawn, past, draws = wrong[0]
    shown = _shown(GPT, contexts)
    cause = _cause_of_window(shown, contexts, len(past) - T) or _cause_of_draws(GPT, wrong, table, contexts, shown)
    if not cause and (out[:, T:] == out[:1, T : 1 + T]).all():
        cause = say("the same number is appended everywhere. Append what torch.multinomial drew, not its probability.")
    said = say(
        "After the token number {before} the next tokens came with shares {yours}; softmax of the last logits gives "
        "{expected} ({draws} draws).",
        before=before,
        yours=_shares(drawn),
        expected=_shares(table[before].softmax(0)),
        draws=draws,
    )
    if not cause:
        said = f"{said}\n" + say("Draw with torch.multinomial from softmax(logits[:, -1, :]).")
    raise CheckFailed(said, cause)


def _wrong_draws(out, table, T):
    """For each group of draws that doesn't fit: the token before, counted shares, the past, the number of draws."""
    wrong = []
    for step in range(T, out.shape[1]):
        for rows_of_context in torch.arange(len(out)).view(-1, 3).T:
            same_context = out[rows_of_context]
            for before in range(len(table)):
                alike = same_context[same_context[:, step - 1] == before]
                drawn = torch.bincount(alike[:, step].long(), minlength=len(table)) / max(len(alike), 1)
                if len(alike) >= 200 and _unlikely(drawn, table[before].softmax(0), len(alike)):
                    wrong.append((before, drawn, alike[0, :step], len(alike)))
    return wrong


def _shown(GPT, contexts):
    """What a model is shown in two steps, where nothing has to be cropped yet: tensors of tokens."""
    shown, model = _watched(GPT, len(contexts) + int(contexts.max()), 8)
    _generated(model, contexts, 2)
    return shown


def _cause_of_window(shown, contexts, step):
    """What is wrong with what the model is shown, in words, or None.

    Args:
        step: the first step, from 0, whose draws are wrong.
    """
    if len(shown) == 1 and step:
        return say(ASKED_ONCE)
    if not shown or torch.equal(shown[0], contexts):
        return None
    T = contexts.shape[1]
    if shown[0].shape[-1] > T:
        return say("the model is shown tokens that nobody wrote yet. Show it what is there, without padding.")
    if shown[0].shape == contexts.shape:
        return say("the model is shown other tokens than the context.")
    return None


def _compare_scale(out, table, T):
    """All draws together fit the logits as they are, not times a factor: finer than one group of draws can tell."""
    V = len(table)
    pairs = out[:, T - 1 : -1] * V + out[:, T:]  # (token before, token drawn) as one number
    counts = torch.bincount(pairs.flatten().long(), minlength=V * V).view(V, V)
    factor, ratio = _fitting_factor(counts, table)
    if ratio > 40:  # chi-squared with one degree of freedom: by chance with a probability below 1e-9
        raise CheckFailed(
            say(
                "{draws} draws fit softmax of the logits times {factor:.3g}, expected times 1.",
                draws=counts.sum().item(),
                factor=factor,
            ),
            say("the logits are scaled before the softmax, by a temperature perhaps. Leave them as they are."),
        )


def _fitting_factor(counts, table):
    """The factor on the logits with which softmax fits the counts (V, V) best, and its likelihood ratio to 1."""
    factors = torch.logspace(-1.5, 1, 501, dtype=torch.float64)
    fits = torch.stack([(counts * (factor * table.double()).log_softmax(1)).sum() for factor in factors])
    best = fits.argmax()
    return factors[best].item(), 2 * (fits[best] - (counts * table.double().log_softmax(1)).sum()).item()


def _cause_of_draws(GPT, wrong, table, contexts, shown):
    """The first known mistake that explains all wrong draws of a step, in words, or None."""
    first_step = [group for group in wrong if len(group[2]) == len(wrong[0][2])]
    counts = torch.zeros_like(table)
    for before, drawn, _, n in first_step:
        counts[before] += n * drawn
    factor, _ = _fitting_factor(counts, table)
    # The shares of two tokens fit some factor; that those of more, or of several contexts, fit the same one says much.
    likely = [(factor * table[past[-1]]).softmax(0) > 0.005 for _, _, past, _ in first_step]
    if sum(tokens.sum().item() - 1 for tokens in likely) < 2:
        factor = None
    noisy = uses(GPT, "argmax", "argmin", "max", "min", "topk", "sort", "argsort")
    explained = []  # for each group, the mistakes in words that explain it
    for _, drawn, past, n in first_step:
        others = _other_distributions(table, past, contexts, factor, noisy, shown)
        explained.append([words for words, other in others if not _unlikely(drawn, other, n)])
    known = (words for words in explained[0] if all(words in others for others in explained))
    return next(known, None) or _never_drawn(first_step, table)


def _never_drawn(groups, table):
    """That tokens are left out, and the rest is drawn as it should be, in words, or None."""
    for before, drawn, _, n in groups:
        if _unlikely(drawn, _share(table[before].softmax(0) * (drawn > 0)), n):
            return None
    never = (groups[0][1] == 0).nonzero().flatten().tolist()[:5]
    return say("some tokens are never drawn; all of them may come (never seen: {tokens}).", tokens=never)


def _other_distributions(table, past, contexts, factor, noisy, shown):
    """Pairs of a known mistake in sampling, in words, and the distribution that it leads to.

    Args:
        table: (V, V) logits of the next token.
        past: (T,) the tokens before the one that is drawn.
        contexts: (3, T) the contexts of the batch.
        factor: the one on the logits that fits best; None if that says nothing.
        noisy: whether the largest of something may have been taken, of logits with noise for instance.
        shown: what the model was shown in each step.
    """
    logits = table[past[-1]]
    right = logits.softmax(0)
    others = table[contexts[:, -1]]  # (3, V), the last logits of each context
    T = contexts.shape[1]
    uniform = torch.full_like(logits, 1 / len(table))
    yield (
        say("the most probable token is always taken. Draw instead: torch.multinomial."),
        _one_hot(logits.argmax(), table),
    )
    yield say("all tokens are equally likely: the logits of the model aren't used."), uniform
    yield say("the least probable token is always taken."), _one_hot(logits.argmin(), table)
    if len(past) > T and len(shown) > 1 and shown[1].shape[-1] == T + 1:
        yield (
            say(
                "the logits are taken where the first context ended, in each step. The text grows, and the last "
                "position with it: logits[:, -1, :]."
            ),
            table[past[T - 1]].softmax(0),
        )
    if len(past) > T:
        yield (
            say("each step sees only the first context. Append a token before the next step."),
            table[past[T - 1]].softmax(0),
        )
    yield (
        say("the logits of the first position are used. The last one knows what comes next."),
        table[past[0]].softmax(0),
    )
    if len(past) > 1:
        yield say("the logits of the last position but one are used."), table[past[-2]].softmax(0)
    yield (
        say("the logits of all positions are mixed. Take the last one: logits[:, -1, :]."),
        table[past].mean(0).softmax(0),
    )
    over_batch = torch.stack((logits, *(table[context[-1]] for context in contexts if context[-1] != past[-1])))
    yield (
        say("softmax runs over the batch, dim=0. The vocabulary is the last dimension."),
        _share(over_batch.softmax(0)[0]),
    )
    yield (
        say("softmax runs over the positions. The vocabulary is the last dimension."),
        _share(table[past].softmax(0)[-1]),
    )
    for context in contexts:
        yield (
            say("the examples of the batch aren't kept apart: this is what another context gives."),
            table[context[-1]].softmax(0),
        )
    if len(past) == T:
        yield say("the probabilities of the examples are averaged; each has its own."), others.softmax(1).mean(0)
        yield say("the logits of the examples are averaged; each has its own."), others.mean(0).softmax(0)
    yield (
        say("the logits of all positions are added up. Take the last one: logits[:, -1, :]."),
        table[past].sum(0).softmax(0),
    )
    yield say("the logits are negative before the softmax."), (-logits).softmax(0)
    for words, scores in _NOISES if noisy else ():
        drawn = scores(logits, torch.rand(20_000, len(table), generator=seeded(1))).argmax(1)
        yield say(words), torch.bincount(drawn, minlength=len(table)) / len(drawn)
    if factor is not None:
        yield (
            say(
                "the logits are scaled before the softmax, by a temperature perhaps: here {factor:.3g} times. Leave "
                "them as they are.",
                factor=factor,
            ),
            (factor * logits).softmax(0),
        )
    yield say("the drawn numbers are shifted by one: token 0 is the first."), right.roll(1)
    yield say("the drawn numbers are shifted by one: token 0 is the first."), right.roll(-1)
    yield say("softmax was taken twice."), logits.softmax(0).softmax(0)
    yield (
        say("the logits were made positive and used as weights; softmax takes their exponential."),
        _share(logits.relu()),
    )
    yield (
        say("the logits were made positive and used as weights; softmax takes their exponential."),
        _share(logits.abs()),
    )
    yield (
        say("the logits were shifted and used as weights; softmax takes their exponential."),
        _share(logits - logits.min()),
    )
    yield (
        say("the squares of the logits were used as weights; softmax takes their exponential."),
        _share(logits.square()),
    )
    yield say("log-probabilities were used as weights; take softmax, not log_softmax."), _share(-logits.log_softmax(0))
    yield say("sigmoid was used in place of softmax."), _share(logits.sigmoid())
    for k in range(2, len(table)):
        kept = logits.masked_fill(logits < logits.topk(k).values[-1], float("-inf")).softmax(0)
        yield (
            say("only the {k} most probable tokens are drawn; the others belong to the distribution too.", k=k),
            kept,
        )
    yield say("the token before is never drawn again; it may be."), _share(right.index_fill(0, past[-1], 0))
    yield (
        say("what is appended is a place in the sorted list, not the token that stands there."),
        right.sort(descending=True).values,
    )
    yield say("what is appended is a place in the sorted list, not the token that stands there."), right.sort().values


_NOISES = [  # what is taken the largest of, wrongly: words, and a function of the logits and of numbers from 0 to 1
    (
        mark(
            "the largest of logits and noise is taken, and the noise is uniform. Only Gumbel noise, -log(-log(u)), "
            "draws from the softmax; torch.multinomial does it at once."
        ),
        lambda logits, u: logits + u,
    ),
    (
        mark(
            "the largest of logits and noise is taken, and the noise is normal. Only Gumbel noise, -log(-log(u)), "
            "draws from the softmax; torch.multinomial does it at once."
        ),
        lambda logits, u: logits + torch.special.ndtri(u.double()),
    ),
    (
        mark(
            "the largest of logits and noise is taken, and the noise is -log(u). Only Gumbel noise, -log(-log(u)), "
            "draws from the softmax; torch.multinomial does it at once."
        ),
        lambda logits, u: logits - u.log(),
    ),
    (
        mark(
            "the largest of probabilities times noise is taken. Only divided by noise that is -log(u) do they draw "
            "from themselves; torch.multinomial does it at once."
        ),
        lambda logits, u: -logits.softmax(0) * u.log(),
    ),
    (
        mark(
            "the largest of probabilities times noise is taken. Only divided by noise that is -log(u) do they draw "
            "from themselves; torch.multinomial does it at once."
        ),
        lambda logits, u: logits.softmax(0) * u,
    ),
    (
        mark("the largest of probabilities plus noise is taken. torch.multinomial draws from them."),
        lambda logits, u: logits.softmax(0) + u,
    ),
]


def _one_hot(token, table):
    return torch.nn.functional.one_hot(token, len(table)).float()


def _share(weights):
    return weights / weights.sum().clamp(min=1e-12)


def _unlikely(drawn, distribution, draws):
    """Whether counted shares are too far from a distribution for chance.

    Each share: for q drawn n times from probability p, P(KL(q, p) >= e) <= 2 exp(-n e) (Chernoff).
    All shares: G = 2 n sum q ln(q / p) is chi-squared; its cube root is nearly normal (Wilson and Hilferty 1931),
    and 6.5 standard deviations are passed with a probability below 1e-10.
    """
    q, p = drawn.double(), distribution.double().clamp(1e-12, 1 - 1e-12)
    freedom = len(q) - 1
    g = 2 * draws * torch.special.xlogy(q, q / p).sum().clamp(min=0)
    deviations = ((g / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    if deviations > 6.5:
        return True
    divergence = torch.special.xlogy(q, q / p) + torch.special.xlogy(1 - q, (1 - q) / (1 - p))
    return bool((divergence > math.log(2 * len(q) / 1e-9) / draws).any())


def _shares(distribution):
    return "[" + ", ".join(f"{share:.2f}" for share in distribution.tolist()) + "]"


def _watched(GPT, vocab_size, block_size):
    """A list that is filled with what the model is shown, and a model that does so."""
    shown = []

    class Watched(GPT):
        def logits(self, idx):
            shown.append(idx.detach().clone())
            return super().logits(idx)

    Watched.__name__ = GPT.__name__  # in messages
    return shown, run("GPTVer1(vocab_size, block_size)", Watched, vocab_size, block_size)


@check
def generate_crops(GPT, vocab_size=50, block_size=4, T=3, new=6, seed=0):
    """Each step asks the model through `self(...)` or `self.logits(...)`, with the last block_size tokens at most."""
    shown, model = _watched(GPT, vocab_size, block_size)
    for training in (True, False):
        shown.clear()
        idx = torch.randint(vocab_size, (1, T), generator=seeded(seed + training))
        _shows(shown, _generated(model.train(training), idx, new), block_size, T, new)


def _shows(shown, out, block_size, T, new):
    """Fail where a model was shown something else than what was written (1, T + new), cropped, step by step."""
    if not shown:
        raise CheckFailed(
            say(
                "generate never asked the model: it called neither self(...) nor self.logits(...).\n"
                "The versions to come only change `logits`, so read nothing but what it returns."
            )
        )
    lengths = [seen.shape[-1] for seen in shown]
    if max(lengths) > block_size:
        raise CheckFailed(
            say(
                "The model was shown {length} tokens at once; block_size is {block_size}, and more it can't take.\n"
                "Crop what it is shown to the last block_size tokens, in every step: idx[:, -self.block_size:].",
                length=max(lengths),
                block_size=block_size,
            )
        )
    ahead = [(turn, length) for turn, length in enumerate(lengths[:new]) if length > T + turn]
    if ahead:
        turn, length = ahead[0]
        raise CheckFailed(
            say(
                "Step {step} was shown {length} tokens; {there} were there.\n"
                "It saw tokens that aren't there yet. Show what is there, without padding.",
                step=turn + 1,
                length=length,
                there=T + turn,
            )
        )
    for step in range(T, T + new):
        window = out[:, max(0, step - block_size) : step]
        if not any(torch.equal(seen, window) for seen in shown):
            raise _not_shown(shown, out, step, block_size, new)


def _not_shown(shown, out, step, block_size, new):
    expected = min(step, block_size)
    said = say(
        "Where {step} tokens stand, the model should be shown the last {number} of them to write the next one; it "
        "wasn't.",
        step=step,
        number=expected,
    )
    longest = max(seen.shape[-1] for seen in shown)
    if len(shown) == 1 < new:
        cause = say(ASKED_ONCE)
    elif step > block_size and torch.equal(shown[-1], out[:, :block_size]):
        cause = say("the first block_size tokens are shown, not the last: idx[:, -self.block_size:].")
    elif len(shown) > 1 and all(torch.equal(seen, shown[0]) for seen in shown):
        cause = say("each step shows the first context again. Append the new token to idx.")
    elif shown[0].shape[-1] > 1 == max(seen.shape[-1] for seen in shown[1:] or shown):
        cause = say(
            "after the first step only the last token is shown. Crop idx anew in every step: idx[:, -self.block_size:]."
        )
    elif longest < expected and longest == shown[-1].shape[-1] == block_size - 1:
        cause = say("one token too few is shown: the last block_size are idx[:, -self.block_size:].")
    elif longest < expected:
        cause = say(
            "never more than {longest} are shown. Show all that fits: a bigram needs only the last token, the versions "
            "to come need the whole context.",
            longest=longest,
        )
    elif all(torch.equal(seen[:, -1:], out[:, at : at + 1]) for at, seen in enumerate(shown, step - len(shown))):
        cause = say("the last token isn't among those that are shown.")
    elif any(torch.equal(seen.flip(1), out[:, max(0, step - block_size) : step]) for seen in shown):
        cause = say("the tokens are shown in the reverse order.")
    else:
        lengths = [seen.shape[-1] for seen in shown]
        crop = say("It saw lengths {lengths}. Crop with idx[:, -self.block_size:].", lengths=lengths)
        return CheckFailed(f"{said}\n{crop}")
    return CheckFailed(said, cause)


@check
def generate_writes_likelier_text(GPT, text, steps=80, length=300, seed=0):
    """After a short training the model writes likelier text than before, by the pairs counted in the real one."""
    counts = text.pair_counts() + 0.1
    log_probability = (counts / counts.sum(1, keepdim=True)).log()
    torch.manual_seed(seed)
    model = run("GPTVer1(vocab_size, block_size)", GPT, text.vocab_size, 8)
    start = text.encode(text.content[:4])[None]

    def surprise():
        out = _generated(model, start, length)[0]
        return -log_probability[out[3:-1], out[4:]].mean().item()

    before = surprise()
    draws = seeded(seed)
    for _ in range(steps):
        model.zero_grad()
        step_back(loss_of(model, *text.batch(64, 8, draws)))
        descend(model, 0.05)
    after = surprise()
    # Over many seeds untrained text costs 8 to 9 nats a character, trained text 3 to 4, and the fall is above 4.
    if not after < before - 1:
        raise CheckFailed(
            say(
                "Counted in the real text, a character of yours cost {before:.1f} nats before training and {after:.1f} "
                "after it; expected at least 1 less.\nDoes `generate` use the logits of the trained model?",
                before=before,
                after=after,
            )
        )
