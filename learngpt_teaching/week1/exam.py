"""The exam of week1: for each graded cell what is asked, and what a right answer gives.

The references are written in NumPy and float64, apart from the checks, which explain to a learner what went wrong.
Each function yields its scripts once and returns whether their answers are right. It asks for one property alone, so
that one mistake costs its points once: a right gradient, for example, is wanted only where the values are right, and
else some gradient.
"""

import math

import numpy as np

from learngpt_teaching.exam import Status, keyed_logits
from learngpt_teaching.exam.asking import BOOL, FLOAT, FLOATS, INTEGERS

CHANCE = 1e-10  # of calling draws wrong that are right, for each comparison


def near(answer, right, tolerance=1e-4):
    """Whether an answer came and is the right numbers, up to what float32 and another order of summing change."""
    return answer.value is not None and bool(np.allclose(answer.value, right, rtol=tolerance, atol=tolerance))


def same(answer, right):
    """Whether an answer came and is exactly these numbers."""
    return answer.value is not None and bool((answer.value == right).all())


def came(*answers):
    return all(answer.value is not None for answer in answers)


def reaches(*gradients):
    """Whether these gradients came, and none of them is 0 everywhere."""
    return came(*gradients) and all(np.any(gradient.value != 0) for gradient in gradients)


def follows(draw, gradients, function, point, directions=2, step=1e-5):
    """Whether gradients are those of a function, seen along random directions by central differences in float64.

    Args:
        gradients: the answers, one for each array of `point`.
        function: of as many arrays, gives a number.
    """
    for place, gradient in enumerate(gradients):
        for _ in range(directions):
            direction = draw.random.standard_normal(point[place].shape)
            there, back = ([*map(np.float64, point)] for _ in range(2))
            there[place] += step * direction
            back[place] -= step * direction
            slope = (function(*there) - function(*back)) / (2 * step)
            size = math.sqrt(np.sum((gradient.value * direction) ** 2.0))
            if not abs(np.sum(gradient.value * direction) - slope) <= 2e-3 * size + 1e-6:
                return False
    return True


# Notebook 1: generate


class _Written:
    """One call of generate, and what is asked of each: tokens that go on from idx, and nothing else changed."""

    def __init__(self, ask, V, model, idx, new):
        self.V, self.idx = V, idx
        given = ask.tensor(idx)
        out = ask.method(model, "generate", given, new)
        self.gradients_on = ask.answer(ask.gradients_on(), (), BOOL)
        self.given = ask.answer(given, idx.shape, INTEGERS)
        self.out = ask.answer(out, (len(idx), idx.shape[1] + new), INTEGERS)

    @property
    def text(self):
        """(B, T + new), or None."""
        out = self.out.value
        if not same(self.gradients_on, True) or not same(self.given, self.idx) or out is None:
            return None
        kept = (out[:, : self.idx.shape[1]] == self.idx).all() and 0 <= out.min() and out.max() < self.V
        return out.astype(np.int64) if kept else None


def _bigram(ask, vocabulary, block_size, table=None):
    model = ask.call(ask.look("GPTVer1"), vocabulary, block_size)
    if table is not None:
        ask.load(model, "token_embedding_table.weight", table)
    return model


def generate_appends(draw):
    """The context stays as it is, and exactly `new` tokens of the vocabulary follow it."""
    scripts, written = [], []
    # V, block_size, B, T, new: the last one would end early if any token of two meant the end
    sizes = [
        (*draw.sizes(range(8, 13), range(15, 19)), 3, 5, 6),
        (5, int(draw.random.integers(3, 5)), 1, 8, 9),
        (3, 1, 4, 1, 5),
        (4, 2, 1, 2, 70),
    ]
    for V, block_size, B, T, new in [*sizes, (2, 2, 1, 1, 40)]:
        ask = draw.script()
        scripts.append(ask)
        model = _bigram(ask, V, block_size, draw.normal(V, V, scale=0.2))
        written.append(_Written(ask, V, model, draw.tokens(V, B, T), new))
    ask = draw.script()  # with more tokens than a byte can number
    scripts.append(ask)
    written.append(_Written(ask, 600, _bigram(ask, 600, 6), draw.tokens(600, 4, 5), 10))
    yield scripts
    return all(each.text is not None for each in written)


def generate_samples(draw):
    """Each token is drawn from the softmax of the last logits, for each row and each call on its own."""
    kinds = [_draws_of_tables, _draws_of_many_tokens, _draws_of_large_numbers, _draws_of_contexts, _draws_of_one_text]
    kinds.append(_draws_that_are_sure)
    scripts, fits = zip(*(kind(draw) for kind in kinds))
    yield [script for asked in scripts for script in asked]
    return all(fit() for fit in fits)


def _contexts(draw, V, T, rows):
    """(rows, T) tokens: three contexts that take turns. Their last tokens differ and occur nowhere else in them."""
    order = draw.random.permutation(V)
    before = draw.random.choice(order[3:], (3, T - 1))
    return np.tile(np.concatenate((before, order[:3, None]), 1), (rows // 3, 1))


def _draws_of_tables(draw):
    """The same table twice, in training and after it, and then another one: nothing is remembered."""
    V, T = draw.sizes(range(5, 9), range(3, 6))
    tables = [1 + draw.normal(V, V, scale=1.2) for _ in range(2)]
    idx = _contexts(draw, V, T, 4500)
    ask = draw.script()
    model = _bigram(ask, V, 8, tables[0])
    written = [_Written(ask, V, model, idx, 2)]
    ask.train(model, False)
    written.append(_Written(ask, V, model, idx, 2))
    ask.load(model, "token_embedding_table.weight", tables[1])
    written.append(_Written(ask, V, model, idx, 2))

    def fit():
        texts = [each.text for each in written]
        if any(text is None for text in texts) or np.array_equal(*texts[:2]):
            return False
        return all(fits_table(text, T, table, 3) for text, table in zip(texts, (tables[0], *tables))) and not (
            fits_other_scale(texts, T, (tables[0], *tables))
        )

    return [ask], fit


def _draws_of_many_tokens(draw):
    """A vocabulary in which it shows if only the 50 likeliest tokens are drawn."""
    V = int(draw.random.integers(64, 71))
    table = draw.normal(V, V, scale=1.3)
    ask = draw.script()
    written = _Written(ask, V, _bigram(ask, V, 8, table), _contexts(draw, V, 2, 9000), 1)
    return [ask], lambda: written.text is not None and fits_table(written.text, 2, table, 3)


def _draws_of_contexts(draw):
    """Logits of ours that depend on all that is shown: where the right context is shown, draws must fit that.

    Where something else is shown, or the model isn't asked at all, the points for that are lost already.
    """
    V, block_size, new, key = 4, int(draw.random.integers(2, 4)), 3, draw.key()
    idx = np.tile(draw.tokens(V, 2, block_size + 2), (1600, 1))
    ask = draw.script()
    model = _bigram(ask, V, block_size)
    ask.lend(model, "logits", ask.keyed(key, V))
    written = _Written(ask, V, model, idx, new)
    small, right = _shows(draw, V, block_size, idx.shape[1], new)

    def fit():
        text = written.text
        if text is None or not right():
            return True
        groups = []
        for step in range(idx.shape[1], text.shape[1]):
            columns = [text[:, [t]] for t in range(step - block_size, step)]
            window = sum(column * V**place for place, column in enumerate(columns)).ravel()
            p = softmax(keyed_logits(columns, key, np.arange(V))[-1])  # (rows, V)
            alike = [np.flatnonzero(window == number) for number in range(V**block_size)]
            groups += [(text[rows, step], p[rows[0]]) for rows in alike if len(rows)]
        return evidence(groups) < math.log(1 / CHANCE)

    return [ask, small], fit


def _draws_of_one_text(draw):
    """One text alone, as `sample` writes it, twice by each of two models with the same table."""
    V, T, new = 4, 3, 40
    alike = 1.0
    while 6 * alike > CHANCE:  # that any two of four texts that are drawn as they should be are the same
        table, idx = draw.normal(V, V, scale=1.2), draw.tokens(V, 1, T)
        alike = np.linalg.matrix_power(softmax(table) ** 2, new)[idx[0, -1]].sum()
    ask = draw.script()
    written = [_Written(ask, V, model, idx, new) for model in [_bigram(ask, V, 50, table) for _ in range(2)] * 2]

    def fit():
        texts = [each.text for each in written]
        if any(text is None for text in texts):  # the points for that are lost already
            return True
        before = np.concatenate([text[0, T - 1 : -1] for text in texts])
        drawn = np.concatenate([text[0, T:] for text in texts])
        groups = [(drawn[before == token], row) for token, row in enumerate(softmax(table))]
        alone = len({text.tobytes() for text in texts}) == len(texts)
        return alone and evidence(groups) < math.log(1 / CHANCE)

    return [ask], fit


def _draws_that_are_sure(draw):
    """Large logits, of which one in each row is larger by 40: all others together have a chance below 1e-16."""
    V, T, B, new = 7, 3, 5, 12
    follows = np.roll(np.arange(V), 1 + int(draw.random.integers(V - 1)))
    table = np.where(np.arange(V) % 2, 30.0, -30.0)[:, None] + 40 * (np.arange(V) == follows[:, None])
    idx = draw.tokens(V, B, T)
    idx[:, -1] = draw.random.permutation(V)[:B]
    ask = draw.script()
    written = _Written(ask, V, _bigram(ask, V, 50, table.astype(np.float32)), idx, new)

    def fit():
        text = written.text
        return text is None or np.array_equal(text[:, T:], follows[text[:, T - 1 : -1]])

    return [ask], fit


def _draws_of_large_numbers(draw):
    """More tokens than a byte can number; with the first weights, all of 60 are below 256 less than once in 10^15."""
    V, T = 600, 3
    ask = draw.script()
    written = _Written(ask, V, _bigram(ask, V, 50), draw.tokens(256, 4, T), 15)
    return [ask], lambda: written.text is None or bool((written.text[:, T:] > 255).any())


def softmax(logits, axis=-1):
    weights = np.exp(np.float64(logits) - np.max(logits, axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


def fits_table(text, T, table, contexts):
    """Whether the tokens from column T on can have been drawn from softmax(table), row by row and alone.

    Weighed are, see `evidence`, the first draws of each context; all draws, by context, step and token before; and
    pairs of draws, in neighbouring rows with the same context and with another, and in rows that half the batch lies
    between, which must not have to do with one another.
    """
    p = softmax(table)
    V = len(p)
    drawn = text[:, T].reshape(-1, contexts)  # (rows of a context, context)
    own = p[text[:contexts, T - 1]]  # (context, V)
    first = [(drawn[:, context], own[context]) for context in range(contexts)]
    later = []
    for context in range(contexts):
        rows = text[context::contexts]
        for step in range(T, text.shape[1]):
            later += [(rows[rows[:, step - 1] == before, step], p[before]) for before in range(V)]
    weighed = [first, later]
    if V < 16:  # of more tokens there are too many pairs to be counted
        half = len(drawn) // 2
        for one, other in ((drawn[::2], drawn[1::2]), (drawn[:half], drawn[half : 2 * half])):
            pairs = one * V + other
            weighed.append([(pairs[:, c], np.outer(own[c], own[c]).ravel()) for c in range(contexts)])
        weighed.append([(drawn[:, 0] * V + drawn[:, 1], np.outer(own[0], own[1]).ravel())])
    return all(evidence(groups) < math.log(len(weighed) / CHANCE) for groups in weighed)


def evidence(groups):
    """How much better draws fit other distributions than the given ones: the logarithm of a likelihood ratio.

    Each group of draws is held to come from its distribution, or from one that was itself drawn, with Dirichlet's
    density of parameters 1/2 (Krichevsky and Trofimov 1981), or from its distribution cut off after the k likeliest
    tokens, for any k. As the mean of such a ratio under the given distributions is 1, it exceeds 1 / e with a
    probability of at most e (Markov), for any number of draws.

    Args:
        groups: pairs of n tokens and a distribution (V,).
    """
    total, lgamma = 0.0, math.lgamma
    for drawn, p in groups:
        V, n = len(p), len(drawn)
        counts = np.bincount(drawn, minlength=V)
        open_ratio = lgamma(V / 2) - lgamma(n + V / 2) - V * lgamma(0.5) - float(counts @ np.log(p))
        open_ratio += sum(lgamma(count + 0.5) for count in counts.tolist())
        order = np.argsort(-p)
        last = np.flatnonzero(counts[order]).max(initial=0)  # place of the least likely token that was drawn
        cut_ratios = -n * np.log(np.minimum(np.cumsum(p[order])[last:], 1))
        total += np.logaddexp(open_ratio, np.logaddexp.reduce(cut_ratios) - math.log(V)) - math.log(2)
    return total


def fits_other_scale(texts, T, tables):
    """Whether softmax of the logits times a factor fits the draws better than chance lets softmax of the logits.

    Finer than `evidence`: one number is open, not a distribution. The ratio is the mean over 20 factors from 1/2 to 2.
    """
    factors = np.geomspace(0.5, 2, 20)
    ratios = np.zeros(20)
    for text, table in zip(texts, tables):
        V = len(table)
        counts = np.bincount((text[:, T - 1 : -1] * V + text[:, T:]).ravel(), minlength=V * V).reshape(V, V)
        for place, factor in enumerate(factors):
            ratios[place] += np.sum(counts * (np.log(softmax(factor * table)) - np.log(softmax(table))))
    return np.logaddexp.reduce(ratios) - math.log(20) > math.log(1 / CHANCE)


def generate_crops(draw):
    """Each step asks for logits, through self(...) or self.logits(...), of the last block_size tokens at most."""
    # block_size, T, new, whether in training, how often
    sizes = [(1, 1, 4, True), (5, 11, 3, False), (9, 2, 14, True), (int(draw.random.integers(3, 8)), 3, 7, False, 2)]
    sizes.append((int(draw.random.integers(65, 80)), 90, 3, True))
    scripts, shows = zip(*(_shows(draw, int(draw.random.integers(40, 60)), *each) for each in sizes))
    yield list(scripts)
    return all(right() for right in shows)


def _shows(draw, V, block_size, T, new, training=True, times=1):
    """A script in which generate writes, and a function that says whether it showed the model what it should."""
    ask = draw.script()
    model = _bigram(ask, V, block_size)
    ask.train(model, training)
    asked = []
    for _ in range(times):
        keyed = ask.keyed(draw.key(), V)
        ask.lend(model, "logits", keyed)
        written = _Written(ask, V, model, draw.tokens(V, 1, T), new)
        asked.append(
            (written, ask.answer(ask.shown(keyed, 8 * new, block_size + 1), (8 * new, block_size + 3), INTEGERS))
        )

    def right(written, table):
        if written.text is None or table.value is None:
            return False
        text = written.text[0]
        shown = [row for row in table.value.tolist() if row[0] >= 0]  # call, T, tokens
        if not shown or max(row[1] for row in shown) > block_size:
            return False
        if any(row[1] > T + row[0] for row in shown):
            return False  # a token that isn't there yet, or padding
        seen = iter([row[2 : 2 + row[1]] for row in shown])  # one after the other: each step has its own
        return all(text[max(0, end - block_size) : end].tolist() in seen for end in range(T, T + new))

    return ask, lambda: all(right(*each) for each in asked)


def generate_writes_likelier_text(draw):
    """With a table that has learned, the text is likelier; and `forward` gives logits, loss and its gradient.

    Pairs of tokens are as unequal as in English: some tokens are frequent, and each has its usual successors. Which is
    made such that a wrong answer is likelier or not whatever is drawn: no token follows itself, token 0 is the most
    frequent one, and the next number of a frequent one is rare. In 3,000 such languages a token cost 4.7 nats less
    after learning, with a standard deviation of 0.28, and with softmax over the positions 1.1, with one of 0.18; where
    nothing was learned it is 0.17 about 0. Wanted is 0.6.
    """
    V, T, new, texts = 50, 4, 40, 6
    frequency = 1 / np.arange(1, V + 1) ** 2.5
    frequency[2::2], frequency[1::2] = draw.random.permutation(frequency[1:25]), draw.random.permutation(frequency[25:])
    pairs = np.log(frequency) + 1.5 * draw.random.standard_normal((V, V))
    np.fill_diagonal(pairs, pairs.min())
    surprise = -np.log(softmax(pairs) + 1e-5)  # nats for each next token
    raw = draw.random.standard_normal((V, V))
    learned = raw + np.clip(-surprise - (-surprise).mean(1, keepdims=True) - raw, -4, 4)
    tables = [table.astype(np.float32) for table in (raw, learned)]
    ask = draw.script()
    model = _bigram(ask, V, 8, tables[0])
    starts = draw.tokens(V, texts, 1, T)
    starts[:, 0, -1] = draw.random.permutation(V)[:texts]
    written = [_Written(ask, V, model, starts[0], new)]
    table = ask.load(model, "token_embedding_table.weight", tables[1])
    written += [_Written(ask, V, model, start, new) for start in starts]
    idx, targets = draw.tokens(V, 2, 3, 6)
    pair = ask.call(model, ask.tensor(idx), ask.tensor(targets))
    loss = ask.item(pair, 1)
    answers = ask.answer(loss, ()), ask.answer(ask.gradients(loss, None, [table])[0], (V, V))
    yield [ask]
    if any(each.text is None for each in written):
        return False
    after = np.mean([surprise[each.text[0, T - 1 : -1], each.text[0, T:]] for each in written[1:]])
    # Of what is drawn; an answer that draws nothing loses that elsewhere.
    before = (softmax(raw) * surprise).sum(1).mean()

    def right(weights):
        return cross_entropy(weights[idx], targets)

    return (
        after < before - 0.6
        and near(answers[0], right(np.float64(tables[1])))
        and _learns(draw, answers[1:], right, tables[1:], True)
    )


def cross_entropy(logits, targets):
    """The mean of -ln p of the targets (B, T), for logits (B, T, V)."""
    p = softmax(logits)
    return -np.log(np.take_along_axis(p, targets[..., None], -1)).mean()


def _learns_alone(batch, right):
    """Whether nothing is to be seen from a batch of one: what is wrong with that costs its own points."""
    return len(batch) == 1 and not right


def _learns(draw, gradients, function, point, right):
    """Gradients reach all of a point; where the values are right, they are those of the function."""
    return reaches(*gradients) and (not right or follows(draw, gradients, function, point))


# Notebooks 2, 3 and 4: the mean of the past


def mean_of_past(x):
    """(B, T, C) -> (B, T, C), row by row."""
    return np.stack([np.float64(x[:, : t + 1]).mean(1) for t in range(x.shape[1])], 1)


class _Called:
    """One call of a head that is asked for its output, and for its input, which must stay as it is."""

    def __init__(self, ask, head, x, dtypes=FLOATS, grad=False, finite=True, **named):
        self.ask, self.x = ask, x
        self.given = ask.tensor(x, grad)
        self.result = ask.call(head, self.given, **named)
        self.out = ask.answer(self.result, x.shape, dtypes, finite)
        self.kept = ask.answer(self.given, x.shape)

    @property
    def value(self):
        return self.out.value if same(self.kept, self.x) else None

    def near(self, right, tolerance=1e-4):
        return same(self.kept, self.x) and near(self.out, right, tolerance)

    def stays(self):
        """Ask for the output once more, and return whether no call since has written into it, as a function."""
        again = self.ask.answer(self.result, self.x.shape, self.out.dtypes, self.out.finite)
        return lambda: not came(self.out) or same(again, self.out.value)


def _leaving_alone(ask, call, times=2):
    """Call several times, and look at what all of PyTorch shares.

    Returns:
        What the calls gave, in a list; and a function, whether none of them set a seed or turned gradients off.
    """
    given, drawn, gradients_on = [], [], []
    for _ in range(times):
        given.append(call())
        gradients_on.append(ask.answer(ask.gradients_on(), (), BOOL))
        drawn.append(ask.answer(ask.random(), (4,), FLOAT))

    def alone():
        new = came(*drawn) and len({answer.value.tobytes() for answer in drawn}) == times
        return new and all(same(answer, True) for answer in gradients_on)

    return given, alone


def _means(draw, name, longest):
    """Calls of one head with texts of several lengths, of one length twice, and of another with one example, twice."""
    B, T, C = draw.sizes(range(2, 5), range(6, 10), range(11, 15))
    asks = [draw.script(), draw.script()]
    heads = [ask.call(ask.look(name)) for ask in asks]
    shapes = [(B, T, C), (B, T - 2, C), (B + 1, T + 3, C - 1), (2, longest, 3), (B, T, C)]
    calls = [_Called(asks[0], heads[0], draw.normal(*shape), FLOAT) for shape in shapes]
    more, alone = _leaving_alone(asks[0], lambda: _Called(asks[0], heads[0], draw.normal(B, T, C), FLOAT))
    stays = more[0].stays()
    calls += [*more, *(_Called(asks[1], heads[1], draw.normal(1, t, C, scale=40), FLOAT) for t in (T, 1, T))]
    return asks, lambda: all(each.near(mean_of_past(each.x)) for each in calls) and stays() and alone()


def averages_the_past(name, longest):
    def exam(draw):
        scripts, right = _means(draw, name, int(draw.random.integers(*longest)))
        yield scripts
        return right()

    return exam


def head_v1_averages_the_past(draw):
    """The means, and the gradient of two calls of one head: nothing else could learn through it."""
    scripts, right = _means(draw, "HeadVer1", int(draw.random.integers(65, 110)))
    ask, sizes = draw.script(), draw.sizes(range(2, 4), range(5, 8), range(9, 13))
    head = ask.call(ask.look("HeadVer1"))
    learning = [_Gradient(draw, ask, head, sizes) for _ in range(2)]
    yield [*scripts, ask]
    return right() and all(each.learns() for each in learning)


class _Gradient:
    """One call of a head that means the past, and the gradient of its input."""

    def __init__(self, draw, ask, head, shape):
        self.draw, self.cotangent = draw, draw.normal(*shape)
        self.called = _Called(ask, head, draw.normal(*shape), grad=True)
        self.gradients = [ask.answer(*ask.gradients(self.called.result, self.cotangent, [self.called.given]), shape)]

    @property
    def infinite(self):
        """Whether the output came and isn't finite, which costs its own points."""
        return self.called.out.status == Status.OK and self.called.out.value is None

    def learns(self):
        def summed(x):
            return np.sum(mean_of_past(x) * self.cotangent)

        right = self.called.near(mean_of_past(self.called.x))
        if _learns_alone(self.called.x, right):
            return True
        return came(self.called.out) and _learns(self.draw, self.gradients, summed, [self.called.x], right)


def head_v1_never_mixes_nor_looks_ahead(draw):
    """Editing one position of one example changes that example from there on, and nothing else."""
    B, T, C = draw.sizes(range(2, 4), range(5, 7), range(8, 12))
    x = draw.normal(B, T, C)
    ask = draw.script()
    cls = ask.look("HeadVer1")
    base = _Called(ask, ask.call(cls), x, finite=False)  # what isn't finite costs other points
    edited = []
    for s in range(T):
        other = x.copy()
        other[0, s] += 3
        edited.append(_Called(ask, ask.call(cls), other, finite=False))
    yield [ask]
    if base.value is None or any(each.value is None for each in edited):
        return False
    still = [(each.value == base.value) | (np.isnan(each.value) & np.isnan(base.value)) for each in edited]
    change = [np.where(same, 0, np.nan_to_num(each.value - base.value, nan=1)) for same, each in zip(still, edited)]
    change = np.abs(change).max(-1)  # (edited position, B, T)
    past = np.tri(T, dtype=bool).T  # (edited position, position): what the edit may reach
    return bool((change[:, 1:] < 3e-6).all() and (change[:, 0][~past] < 3e-6).all() and change[:, 0].max() > 1e-6)


def needs_no_loop(name):
    """As many operations and steps of Python for a large input as for a small one, and a gradient that gets through."""

    def exam(draw):
        small, large = (
            (1, *draw.sizes(range(4, 7), range(8, 10))),
            draw.sizes(range(43, 47), range(66, 70), range(33, 38)),
        )
        ask = draw.script()
        cls = ask.look(name)
        counts, calls = [], []
        for shape in (small, large):
            head, x = ask.call(cls), ask.tensor(draw.normal(*shape))
            counted = ask.counted(head, x)
            calls.append(ask.answer(ask.item(counted, 0), shape, finite=False))
            counts.append(ask.answer(ask.item(counted, 1), (2,), INTEGERS))
        head, (B, T, C) = ask.call(cls), draw.sizes(range(2, 4), range(5, 8), range(9, 13))
        gradients = [_Gradient(draw, ask, head, (b, T, C)) for b in (B, B, 1)]
        yield [ask]
        if not came(*calls, *counts) or not all(each.learns() or each.infinite for each in gradients):
            return False
        # A loop over every eight positions, or one that doubles its steps, adds more; without one it is 0.
        return bool((counts[1].value - counts[0].value < 6).all())

    return exam


def _weights_of_means(draw):
    """Scripts in which HeadVer3 keeps its weights, and pairs of a call and these weights (T, T)."""
    B, T, C = draw.sizes(range(2, 4), range(5, 8), range(9, 13))
    ask = draw.script()
    head = ask.call(ask.look("HeadVer3"))
    kept = []
    for shape in ((B, T + 1, C), (B, T, C), (B, T + 4, C)):
        called = _Called(ask, head, draw.normal(*shape))
        kept.append((called, ask.answer(ask.get(head, "wei"), (shape[1], shape[1]))))
    return [ask], kept


def head_v3_future_weights_are_zero(draw):
    """Above the diagonal self.wei is exactly 0, it made the output, and it is each head's own."""
    scripts, kept = _weights_of_means(draw)
    ask, (B, T, C) = draw.script(), draw.sizes(range(2, 4), range(5, 8), range(9, 13))
    cls = ask.look("HeadVer3")
    heads = [ask.call(cls), ask.call(cls)]
    pair = [_Called(ask, head, draw.normal(B, t, C)) for head, t in zip(heads, (T, T + 2))]
    kept += [(pair[0], ask.answer(ask.get(heads[0], "wei"), (T, T)))]
    yield [*scripts, ask]
    for called, wei in kept:
        if called.value is None or wei.value is None or np.triu(wei.value, 1).any():
            return False
        if not called.near(np.einsum("ts,bsc->btc", np.float64(wei.value), called.x)):
            return False
    return True


def head_v3_rows_sum_to_one(draw):
    scripts, kept = _weights_of_means(draw)
    yield scripts
    return all(called.value is not None and _rows_sum_to_one(wei) for called, wei in kept)


def _rows_sum_to_one(wei):
    """Each row sums to 1, and no weight is negative."""
    return came(wei) and bool((np.abs(wei.value.sum(-1) - 1) < 1e-4).all() and (wei.value >= 0).all())


# Notebook 5: attention

LAYERS = ("query", "key", "value")


def attention(x, query, key, value):
    """Output (B, T, C), weights (B, T, T) and scaled scores (B, T, T) of one head (Vaswani et al. 2017, equation 1)."""
    x, query, key, value = map(np.float64, (x, query, key, value))
    q, k, v = (np.einsum("btc,dc->btd", x, weight) for weight in (query, key, value))
    scores = np.einsum("btc,bsc->bts", q, k) / math.sqrt(x.shape[2])
    seen = np.tril(np.exp(scores - scores.max(-1, keepdims=True)))
    wei = seen / seen.sum(-1, keepdims=True)
    return np.einsum("bts,bsc->btc", wei, v), wei, scores


class _Head:
    """A HeadVer4 with weights of ours, that was called with one position before.

    The keys are like the queries, so that scores have a mean, but not the same, so that the two can't change places.
    """

    def __init__(self, draw, ask, block_size, C, scale=1.0, training=True):
        self.draw, self.ask, self.C, self.scale = draw, ask, C, scale * C**-0.5
        self.head = ask.call(ask.look("HeadVer4"), block_size, C)
        self.load()
        ask.train(self.head, training)
        _Called(ask, self.head, draw.normal(2, 1, C))  # two examples: a variance needs two scores

    def load(self):
        """Give it new weights, as after a step of learning."""
        self.weights = [self.draw.normal(self.C, self.C, scale=self.scale) for _ in LAYERS]
        self.weights[1] = (self.weights[1] + 0.7 * self.weights[0]).astype(np.float32)
        names = [f"{layer}.weight" for layer in LAYERS]
        self.loaded = [self.ask.load(self.head, *pair) for pair in zip(names, self.weights)]

    def __call__(self, x, **named):
        return _Called(self.ask, self.head, x, **named)

    def wei(self, B, T):
        return self.ask.answer(self.ask.get(self.head, "wei"), (B, T, T))

    def var(self):
        return self.ask.answer(self.ask.number(self.ask.get(self.head, "var")), ())

    def reference(self, x):
        return attention(x, *self.weights)

    def read_back(self):
        """Whether its weights are still ours, as answers to be compared."""
        answers = [self.ask.answer(slot, weight.shape) for slot, weight in zip(self.loaded, self.weights)]
        return lambda: all(same(*pair) for pair in zip(answers, self.weights))


def head_v4_future_weights_are_zero(draw):
    """No weight above the diagonal, the same output twice, and nothing changes before a position that is edited."""
    B, T, C, block_size = draw.sizes(range(2, 4), range(5, 8), range(9, 13), range(14, 18))
    ask = draw.script()
    head = _Head(draw, ask, block_size, C)
    x = draw.normal(B, T, C, scale=1.5)
    x[:, 1] = 0  # whose scores are 0, as a triangle's upper half is
    calls, kept = [], []
    for first_edited in (T, T, T - 1, int(draw.random.integers(1, T - 1))):
        edited = x.copy()
        edited[:, first_edited:] += 1
        calls.append((first_edited, head(edited)))
        kept.append(head.wei(B, T))
    alone = head(x[:1])
    kept.append(head.wei(1, T))
    yield [ask]
    values = [called.value for _, called in calls]
    if (
        any(value is None for value in (*values, alone.value))
        or not came(*kept)
        or any(np.triu(wei.value, 1).any() for wei in kept)
    ):
        return False
    return all(np.abs((value - values[0])[:, :end]).max() < 1e-5 for (end, _), value in zip(calls, values))


def head_v4_rows_sum_to_one(draw):
    B, T, C, block_size = draw.sizes(range(2, 4), range(5, 8), range(9, 13), range(14, 18))
    ask = draw.script()
    head = _Head(draw, ask, block_size, C)
    calls = []
    for shape in ((B, T, C), (4, 1, C)):
        calls.append((head(draw.normal(*shape, scale=1.5)), head.wei(*shape[:2])))
    yield [ask]
    return all(called.value is not None and _rows_sum_to_one(wei) for called, wei in calls)


def head_v4_variance_is_one(draw):
    """self.var is 1 for random q and k, where x doesn't matter, and the variance of the scores elsewhere.

    With debug=True it is the variance of B T² products of C random numbers: here within 0.1 of 1 by more than ten
    standard deviations.
    """
    B, T, C = 4, int(draw.random.integers(96, 110)), int(draw.random.integers(200, 221))
    ask, x, seed = draw.script(), draw.normal(4, T, C), int(draw.random.integers(2**31))
    head = ask.call(ask.look("HeadVer4"), T, C)
    debugged = []
    for each in (x, -x):
        ask.sow(seed)
        debugged.append(_Called(ask, head, each, finite=False, debug=True))
    var = ask.answer(ask.number(ask.get(head, "var")), ())
    scripts, kept = [ask], []
    for training in (True, False):
        B, T, C, block_size = draw.sizes(range(2, 4), range(5, 8), range(9, 13), range(14, 18))
        ask = draw.script()
        head = _Head(draw, ask, block_size, C, scale=0.6, training=training)
        called = head(draw.normal(B, T, C), finite=False)
        kept.append((head, called, head.var()))
        scripts.append(ask)
    yield scripts
    values = [called.value for called in debugged]
    if any(value is None for value in values) or not np.allclose(*values, rtol=1e-4, atol=1e-4, equal_nan=True):
        return False
    if not came(var) or not abs(var.value - 1) < 0.1:
        return False
    for head, called, var in kept:
        scores = head.reference(called.x)[2]
        rights = (scores.var(), scores.var(ddof=1))
        if called.value is None or not any(came(var) and abs(var.value / right - 1) < 1e-3 for right in rights):
            return False
    return True


def head_v4_weights_are_scaled_softmax(draw):
    """Weights and outputs of two heads that are used in turns, one in training, and of one with long texts.

    Each is called twice with texts of one size, for it could keep what it gave, and with the same text again after it
    has learned; and one with one text alone, and one position.
    """
    B, T, C, block_size = draw.sizes(range(2, 4), range(6, 9), range(10, 14), range(15, 19))
    ask = draw.script()
    heads = [_Head(draw, ask, block_size, C, training=training) for training in (True, False)]
    called = []  # a call, what it should give, and the weights that it kept
    for head, t in zip(heads, (T, T - 2)):
        called.append(_weighed(head, draw.normal(B, t, C, scale=1.5)))
    again, alone = _leaving_alone(ask, lambda: _weighed(heads[0], draw.normal(B, T, C, scale=1.5)))
    stays = again[0][0].stays()
    called += again
    for t in (T, 1):
        called.append(_weighed(heads[1], draw.normal(1, t, C, scale=1.5)))
    for head, (before, _, _) in zip(heads, called[:2]):
        head.load()
        called.append(_weighed(head, before.x))
    back = [head.read_back() for head in heads]
    numbers = [ask.answer(ask.count(head.head), (), INTEGERS) for head in heads]
    long = draw.script()
    head = _Head(draw, long, 200, 5)
    for t in (int(draw.random.integers(131, 190)), 70):
        called.append(_weighed(head, draw.normal(2, t, 5)))
    yield [ask, long]
    if not all(right() for right in back) or not all(same(number, 3 * C * C) for number in numbers):
        return False
    if not stays() or not alone():
        return False
    return all(near(wei, weights, 3e-5) and call.near(out) for call, (out, weights, _), wei in called)


def _weighed(head, x):
    """A call of a _Head, what it should give, and the weights that it kept."""
    call = head(x)
    return call, head.reference(x), head.wei(*x.shape[:2])


def head_v4_ignores_the_order_of_the_past(draw):
    """The last output stays when the past is put in another order, and changes when its contents do."""
    # A head of two halves has even C.
    B, T, C, block_size = draw.sizes(range(2, 4), range(6, 9), range(10, 15, 2), range(15, 19))
    ask = draw.script()
    head = _Head(draw, ask, block_size, C)
    x = draw.normal(B, T, C, scale=1.5)
    past = np.roll(np.arange(T - 1), int(draw.random.integers(1, T - 2)))
    other = x.copy()
    other[:, :-1] = 2 * x[:, -1:] + draw.normal(B, T - 1, C)  # which the last one likes better than itself
    calls = [head(each, finite=False) for each in (x, np.concatenate((x[:, past], x[:, -1:]), 1), other)]
    yield [ask]
    if any(each.value is None for each in calls):
        return False
    still, moved = (np.abs(each.value[:, -1] - calls[0].value[:, -1]).max() for each in calls[1:])
    size = max(1, np.abs(calls[0].value[:, -1]).max())  # weights that weren't normalized make large numbers
    return bool(still < 1e-4 * size and moved > 1e-6)  # nan is neither


def head_v4_trains(draw):
    """Gradients reach the input and all three layers, twice; and texts of every length have outputs."""
    B, T, C = draw.sizes(range(2, 4), range(6, 9), range(10, 19, 4))  # a head of two halves has even ones
    ask = draw.script()
    head = ask.call(ask.look("HeadVer4"), T, C)
    weights = [draw.normal(C, C, scale=C**-0.5) for _ in LAYERS]
    loaded = [ask.load(head, f"{layer}.weight", weight) for layer, weight in zip(LAYERS, weights)]
    calls, gradients, cotangents = [], [], [draw.normal(b, T, C) for b in (B, 1)]
    for cotangent in cotangents:
        shape = cotangent.shape
        called = _Called(ask, head, draw.normal(*shape), grad=True)
        found = ask.gradients(called.result, cotangent, [called.given, *loaded])
        calls.append(called)
        gradients.append([ask.answer(slot, size) for slot, size in zip(found, [shape] + 3 * [(C, C)])])
    short = [_Called(ask, head, draw.normal(b, t, C)) for b, t in ((1, 1), (B, T // 2))]
    yield [ask]
    if any(called.value is None for called in (*calls, *short)):
        return False

    def learns(called, found, cotangent):
        def summed(*point):
            return np.sum(attention(*point)[0] * cotangent)

        point = [called.x, *weights]
        right = called.near(attention(*point)[0])
        return _learns_alone(called.x, right) or _learns(draw, found, summed, point, right)

    return all(learns(*each) for each in zip(calls, gradients, cotangents))


# Notebooks 2 and 6: the models


def mixed(matrix, x):
    """What the head that we lend makes of (B, T, C)."""
    T = x.shape[1]
    return np.tanh(np.einsum("ts,bsc->btc", np.float64(matrix[:T, :T]), np.float64(x)))


def averaging(draw, T):
    """A matrix (T, T) for the head that we lend: random weights of the past, which sum to 1."""
    weights = np.tril(draw.random.random((T, T)) + 0.2)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def sinusoids(block_size, C):
    """The codes of Vaswani et al. 2017, section 3.5, (block_size, C), number by number."""
    table = np.zeros((block_size, C))
    for position in range(block_size):
        for i in range(0, C, 2):
            angle = position / 10000 ** (i / C)
            table[position, i : i + 2] = math.sin(angle), math.cos(angle)
    return table


class _Model:
    """A GPTVer2 or GPTVer3 with parameters of ours, around a head that we lend and, for GPTVer3, codes that we lend."""

    def __init__(self, draw, ask, name, V, C, block_size, matrix=None, called_only=False, lends=True):
        self.draw, self.ask, self.V, self.C = draw, ask, V, C
        cls = ask.look(name)
        self.codes = [np.zeros((block_size, C))]
        if name == "GPTVer3" and lends:
            # The same codes in all questions of an exam: a logits may keep those of its sizes for later.
            lent = np.random.default_rng(draw.seed).standard_normal((300, 24), np.float32)[: 2 * block_size + 70, :C]
            ask.lend(cls, "pos_encodings", ask.rows(lent, ["block_size", "embed_size"]))
            # a logits that gets its codes from a helper which pos_encodings shares has the true ones
            self.codes = [lent, sinusoids(block_size, C)]
        self.matrix = averaging(draw, block_size) if matrix is None else matrix
        self.head = ask.mixing(self.matrix, called_only)
        self.model = ask.call(cls, self.head, V, C, block_size)
        self.load()

    def load(self):
        """Give it new parameters, as after a step of learning."""
        V, C = self.V, self.C
        self.arrays = [self.draw.normal(V, C, scale=1.3), self.draw.normal(V, C), self.draw.normal(V)]
        names = ("token_embedding_table.weight", "lm_head.weight", "lm_head.bias")
        self.loaded = [self.ask.load(self.model, *pair) for pair in zip(names, self.arrays)]

    def logits(self, idx):
        return _Logits(self, idx)

    def right(self, idx, codes, table, weight, bias, matrix):
        """The logits (B, T, V) with these parameters."""
        x = np.float64(table)[idx] + codes[: idx.shape[1]]
        return np.einsum("btc,vc->btv", mixed(matrix, x), np.float64(weight)) + bias

    def near(self, logits):
        """Whether all of these logits are right with the same codes."""
        return all(same(each.given, each.idx) for each in logits) and any(
            all(near(each.out, self.right(each.idx, codes, *each.arrays, self.matrix)) for each in logits)
            for codes in self.codes
        )

    def read_back(self):
        answers = [self.ask.answer(slot, array.shape) for slot, array in zip(self.loaded, self.arrays)]
        return lambda: all(same(*pair) for pair in zip(answers, self.arrays))


class _Logits:
    """One call of `logits`, and the parameters that the model had then."""

    def __init__(self, model, idx):
        self.ask, self.idx, self.arrays = model.ask, idx, model.arrays
        given = self.ask.tensor(idx)
        self.result = self.ask.method(model.model, "logits", given)
        self.out = self.ask.answer(self.result, (*idx.shape, model.V))
        self.given = self.ask.answer(given, idx.shape, INTEGERS)

    def stays(self):
        """Ask for the logits once more, and return whether no call since has written into them, as a function."""
        again = self.ask.answer(self.result, self.out.shape)
        return lambda: not came(self.out) or same(again, self.out.value)


def _uses(draw, model, B, T, V, block_size):
    """Calls of a model's logits as it is used: in training and after it, and again when it has learned.

    Returns:
        The calls, and whether none of them changed what it shouldn't, as a function.
    """
    logits, alone = _leaving_alone(model.ask, lambda: model.logits(draw.tokens(V, B, T)))
    stays = logits[0].stays()
    model.ask.train(model.model, False)
    evaluated, evaluated_alone = _leaving_alone(model.ask, lambda: model.logits(draw.tokens(V, B, T)))
    logits += evaluated
    for size in ((1, T), (B, block_size), (1, 1)):
        logits.append(model.logits(draw.tokens(V, *size)))
    model.load()
    logits.append(model.logits(evaluated[0].idx))
    model.ask.train(model.model)
    logits.append(model.logits(logits[0].idx))
    return logits, lambda: stays() and alone() and evaluated_alone()


def gpt_v2_makes_logits(draw):
    """Logits in training and after it, of one text alone too, of the same texts after learning, and of 70 tokens."""
    B, T, V, C, block_size = draw.sizes(range(2, 4), range(5, 8), range(9, 13), range(14, 19), range(20, 25))
    asks = [draw.script(), draw.script()]
    # As HeadVer1 is, the head that the notebook makes it with.
    sizes = (V, C, block_size), (7, 5, 90)
    models = [_Model(draw, ask, "GPTVer2", *each, called_only=True) for ask, each in zip(asks, sizes)]
    used, keeps = _uses(draw, models[0], B, T, V, block_size)
    logits = [used, [models[1].logits(draw.tokens(7, 2, 70))]]
    back = [model.read_back() for model in models]
    yield asks
    return keeps() and all(right() for right in back) and all(model.near(each) for model, each in zip(models, logits))


def gpt_v3_adds_positions(draw):
    """Codes that we lend are added before the head, for texts of all lengths, and so are the student's own."""
    B, T, V, C, block_size = draw.sizes(range(2, 4), range(5, 8), range(9, 13), range(14, 19, 2), range(20, 25))
    asks = [draw.script(), draw.script(), draw.script()]
    models = [_Model(draw, asks[0], "GPTVer3", V, C, block_size), _Model(draw, asks[1], "GPTVer3", 7, 4, 60)]
    logits = [[models[0].logits(draw.tokens(V, B, 1))]]
    used, keeps = _uses(draw, models[0], B, T, V, block_size)
    logits[0] += used
    logits.append([models[1].logits(draw.tokens(7, 2, 50))])
    own = _own_codes(draw, asks[2], B, T, V, C, block_size)
    back = [model.read_back() for model in models]
    yield asks
    if not keeps() or not own():
        return False
    return all(right() for right in back) and all(model.near(each) for model, each in zip(models, logits))


def _own_codes(draw, ask, B, T, V, C, block_size):
    """Whether a model adds the codes of its own pos_encodings, whatever they are, as a function.

    Where they don't come, aren't float32, or are others each time, that costs its own points, and nothing is to be
    seen here.
    """
    cls = ask.look("GPTVer3")
    asked = [(block_size, C), (T, C), (T, C)]
    tables = [ask.answer(ask.method(cls, "pos_encodings", *size), size, FLOAT) for size in asked]
    model = _Model(draw, ask, "GPTVer3", V, C, block_size, lends=False)
    logits, alone = _leaving_alone(ask, lambda: model.logits(draw.tokens(V, B, T)))

    def right():
        if not came(*tables) or not same(tables[2], tables[1].value):
            return True
        model.codes = [table.value for table in tables[:2]]
        return model.near(logits) and alone()

    return right


def gpt_v3_tells_repeated_tokens_apart(draw):
    """One token many times over: the head that we lend takes each row alone, so only codes can tell them apart."""
    V, T, C, block_size = draw.sizes(range(5, 8), range(9, 12), range(14, 19, 2), range(20, 25))
    ask = draw.script()
    model = _Model(draw, ask, "GPTVer3", V, C, block_size, np.eye(block_size, dtype=np.float32))
    model.logits(draw.tokens(V, 2, 1))
    logits = model.logits(np.full((2, T), draw.tokens(V)))
    yield [ask]
    return came(logits.out) and bool(_distances(logits.out.value[0]).min() > 1e-4)


def _distances(rows):
    """(n (n - 1) / 2,) distances of all pairs of rows."""
    one, other = np.triu_indices(len(rows), 1)
    return np.linalg.norm(np.float64(rows)[one] - rows[other], axis=1)


def model_trains(name):
    """Gradients of the loss reach all that was given, in each of three steps, and texts of every length have logits."""

    def exam(draw):
        B, T, V, C = draw.sizes(range(2, 4), range(6, 9), range(10, 14), range(14, 19, 2))
        ask = draw.script()
        model = _Model(draw, ask, name, V, C, T)
        head = ask.parameter(model.head, "matrix")
        learned = [*model.loaded, *([head] if name == "GPTVer3" else [])]
        point = [*model.arrays, *([model.matrix] if name == "GPTVer3" else [])]
        steps = []
        for b in (B, B, 1):
            idx, targets = draw.tokens(V, 2, b, T)
            pair = ask.call(model.model, ask.tensor(idx), ask.tensor(targets))
            out = ask.answer(ask.item(pair, 0), (b, T, V))
            loss = ask.item(pair, 1)
            found = ask.gradients(loss, None, learned)
            gradients = [ask.answer(slot, array.shape) for slot, array in zip(found, point)]
            steps.append((idx, targets, out, ask.answer(loss, ()), gradients))
        short = []
        for b, t in ((2, 1), (B, T // 2)):
            given = ask.last(ask.tensor(draw.tokens(V, b, T)), t)
            short.append(ask.answer(ask.method(model.model, "logits", given), (b, t, V)))
        numbers = ask.answer(ask.count(model.model), (), INTEGERS)
        yield [ask]
        given = 2 * V * C + V
        if not came(numbers, *short) or numbers.value not in (given, given + T * T):  # with or without our head
            return False
        for idx, targets, out, loss, gradients in steps:
            if (
                not came(out)
                or not near(loss, cross_entropy(out.value, targets))
                or not any(
                    _learns_tokens(draw, model, codes, idx, targets, out, gradients, point) for codes in model.codes
                )
            ):
                return False
        return True

    return exam


def _learns_tokens(draw, model, codes, idx, targets, out, gradients, point):
    def loss(table, weight, bias, matrix=model.matrix):
        return cross_entropy(model.right(idx, codes, table, weight, bias, matrix), targets)

    right = near(out, model.right(idx, codes, *model.arrays, model.matrix))
    return _learns_alone(idx, right) or _learns(draw, gradients, loss, point, right)


# Notebook 6: the codes


def _codes(draw, sizes, dtypes=FLOATS):
    """A script that asks for a table of each size and the first one again, and a function that gives them, or None."""
    ask = draw.script()
    cls = ask.look("GPTVer3")
    answers = [ask.answer(ask.method(cls, "pos_encodings", *size), size, dtypes) for size in (*sizes, sizes[0])]

    def tables():
        *found, again = answers
        return [np.float64(each.value) for each in found] if came(*found) and near(again, found[0].value) else None

    return ask, tables


def pos_encodings_differ(draw):
    """No two positions have the same code."""
    sizes = [(int(draw.random.integers(70, 110)), 6), (int(draw.random.integers(34, 60)), 10), (7, 12)]
    ask, tables = _codes(draw, sizes)
    yield [ask]
    found = tables()
    return found is not None and all(_distances(table).min() > 1e-3 for table in found)


def pos_encodings_keep_distances(draw):
    """Codes that are equally many positions apart lie equally far apart."""
    sizes = [(int(draw.random.integers(15, 31)), C) for C in (6, 8, 36)]
    ask, tables = _codes(draw, sizes)
    yield [ask]
    found = tables()
    if found is None:
        return False
    for table in found:
        for apart in (1, 2, 5):
            distances = np.linalg.norm(table[apart:14] - table[: 14 - apart], axis=1)
            if not distances.min() > 1e-6 or not np.ptp(distances) < 1e-3 * distances.max():
                return False
    return True


def pos_encodings_are_sinusoidal(draw):
    """The numbers of the paper, in float32, the only kind that the layers after it take."""
    C = 2 * int(draw.random.integers(5, 8))
    sizes = [
        (int(draw.random.integers(40, 60)), C),
        (int(draw.random.integers(131, 200)), 6),
        (5, 24),
        (1, 2),
        (9, 130),
    ]
    ask, tables = _codes(draw, sizes, FLOAT)
    yield [ask]
    found = tables()
    return found is not None and all(
        np.allclose(table, sinusoids(*size), rtol=1e-3, atol=1e-3) for table, size in zip(found, sizes)
    )


EXAMS = {
    "generate_keeps_context_and_appends_max_new_tokens": generate_appends,
    "generate_samples_from_softmax_of_last_logits": generate_samples,
    "generate_never_shows_more_than_block_size": generate_crops,
    "generate_writes_likelier_text_after_training": generate_writes_likelier_text,
    "head_v1_averages_the_past": head_v1_averages_the_past,
    "head_v1_never_mixes_examples_nor_looks_ahead": head_v1_never_mixes_nor_looks_ahead,
    "gpt_v2_makes_logits_from_table_head_and_lm_head": gpt_v2_makes_logits,
    "gpt_v2_trains_and_generates": model_trains("GPTVer2"),
    "head_v2_equals_the_loops": averages_the_past("HeadVer2", (131, 260)),
    "head_v2_operations_do_not_grow_with_b_and_t": needs_no_loop("HeadVer2"),
    "head_v3_equals_the_loops": averages_the_past("HeadVer3", (131, 260)),
    "head_v3_needs_no_loop": needs_no_loop("HeadVer3"),
    "head_v3_future_weights_are_zero": head_v3_future_weights_are_zero,
    "head_v3_rows_sum_to_one": head_v3_rows_sum_to_one,
    "head_v4_future_weights_are_zero": head_v4_future_weights_are_zero,
    "head_v4_rows_sum_to_one": head_v4_rows_sum_to_one,
    "head_v4_variance_is_1_after_scaling": head_v4_variance_is_one,
    "head_v4_weights_are_softmax_of_masked_scaled_scores": head_v4_weights_are_scaled_softmax,
    "head_v4_ignores_the_order_of_the_past": head_v4_ignores_the_order_of_the_past,
    "gpt_v2_with_head_v4_trains_and_generates": head_v4_trains,
    "gpt_v3_tells_repeated_tokens_apart": gpt_v3_tells_repeated_tokens_apart,
    "pos_encodings_differ_for_every_position": pos_encodings_differ,
    "pos_encodings_keep_equal_distances_equal": pos_encodings_keep_distances,
    "pos_encodings_are_those_of_vaswani": pos_encodings_are_sinusoidal,
    "gpt_v3_adds_positions_to_sequences_of_any_length": gpt_v3_adds_positions,
    "gpt_v3_trains_and_generates": model_trains("GPTVer3"),
}
