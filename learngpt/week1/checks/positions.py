"""Checks of GPTVer3: sinusoidal positions (Vaswani et al. 2017, section 3.5), and where they are added."""

import contextlib
import inspect
import math

import torch
from torch.overrides import TorchFunctionMode

from learngpt.advice import power_first, what_ends_a_loop, where_nan_begins
from learngpt.checking import (
    NEARLY,
    CheckFailed,
    NotYet,
    agree,
    brief,
    check,
    compare,
    leaves_alone,
    likely_cause,
    mistakes,
    nearly,
    run,
    seeded,
    tensor,
    two_causes,
)
from learngpt.instruments import sinusoids
from learngpt.language import counted, mark, say, together
from learngpt.week1.checks.models import (
    GIVEN,
    BentMeanModule,
    after_lm_head,
    another_head,
    follows_learning,
    has_its_shape,
    lent_encodings,
    made_anew,
    normalised,
    staged,
    where_it_parts,
    why_not_the_same_again,
)

NAME = "pos_encodings(block_size, embed_size)"


def _encodings(GPT, block_size, embed_size):
    if not hasattr(GPT, "pos_encodings"):
        raise CheckFailed(
            say("GPTVer3 has no pos_encodings. Is it still called so, and indented to stand in the class?")
        )
    static = isinstance(inspect.getattr_static(GPT, "pos_encodings"), staticmethod)
    hint = "" if static else say("Keep @staticmethod above pos_encodings: it has no self.")
    table = run(f"pos_encodings({block_size}, {embed_size})", GPT.pos_encodings, block_size, embed_size, hint=hint)
    if isinstance(table, torch.Tensor) and table.dim() == 3 and table.shape[0] == 1:
        raise CheckFailed(
            say(
                "{what} has shape {yours}, expected {expected}: no batch in it.",
                what=NAME,
                yours=tuple(table.shape),
                expected=(block_size, embed_size),
            )
        )
    if isinstance(table, torch.Tensor) and tuple(table.shape) == (embed_size, block_size) != (block_size, embed_size):
        raise CheckFailed(
            say(
                "{what} has shape {yours}, expected {expected}: it is turned by 90 degrees. Rows are positions, "
                "columns are channels.",
                what=NAME,
                yours=tuple(table.shape),
                expected=(block_size, embed_size),
            )
        )
    table = tensor(table, NAME, (block_size, embed_size))
    if table.dtype not in (torch.float32, torch.float64):
        cut = ""
        if not table.is_floating_point() and not table.is_complex():
            cut = say("sines and cosines are cut to whole numbers in it. torch.zeros makes a table that takes them.")
        raise CheckFailed(say("{what} is {dtype}, expected torch.float32.", what=NAME, dtype=table.dtype), cut)
    again = run(f"pos_encodings({block_size}, {embed_size})", GPT.pos_encodings, block_size, embed_size)
    if not agree(tensor(again, NAME, (block_size, embed_size)), table).all():
        raise CheckFailed(
            say(
                "{what} gave two different tables, {one} and {other}; expected the same one each time.",
                what=NAME,
                one=brief(table),
                other=brief(again),
            ),
            say("the codes are drawn at random, or learned. These are computed."),
        )
    if not table.isfinite().all():
        value = table[~table.isfinite()][0].item()
        said = say("{what} has {value}, which is no number that can be added.", what=NAME, value=value)
        begins = where_nan_begins(GPT.pos_encodings, block_size, embed_size)
        cause = likely_cause(table.double(), _known_encodings(GPT, table), 1e-3) or power_first(GPT.pos_encodings)
        raise CheckFailed(f"{said}\n" + (begins or say("A number became too large, or 0 / 0.")), cause)
    return table.double()


@check
def encodings_differ(GPT, block_size=32, embed_size=8):
    """No two positions have the same code."""
    table = _encodings(GPT, block_size, embed_size)
    distances = torch.cdist(table, table) + 1e9 * torch.eye(block_size)
    if distances.min() < 1e-3:
        i, j = divmod(distances.argmin().item(), block_size)
        said = say(
            "Positions {i} and {j} have the same code, {code}; expected different ones.", i=i, j=j, code=brief(table[i])
        )
        cause = _cause_of(GPT, table)
        raise CheckFailed(said if cause else f"{said}\n" + say("No model could tell the two apart."), cause)


@check
def encodings_keep_distances(GPT, block_size=16, embed_size=8):
    """Positions that are equally far apart have codes that are equally far apart."""
    table = _encodings(GPT, block_size, embed_size)
    for (a, b), (c, d) in (((0, 2), (1, 3)), ((3, 5), (4, 6)), ((5, 7), (6, 8)), ((0, 5), (8, 13))):
        one, two = (table[a] - table[b]).norm().item(), (table[c] - table[d]).norm().item()
        if not math.isclose(one, two, rel_tol=1e-3, abs_tol=1e-6):
            said = say(
                "From position {a} to {b} the codes are {one:.4g} apart, from {c} to {d} they are {two:.4g} apart; "
                "expected the same.",
                a=a,
                b=b,
                c=c,
                d=d,
                one=one,
                two=two,
            )
            cause = _cause_of(GPT, table)
            if not cause:
                said = f"{said}\n" + say(
                    "Equal distances take a sine and a cosine of the same frequency: (sin a - sin b)² + "
                    "(cos a - cos b)² depends on a - b only."
                )
            raise CheckFailed(said, cause)
        if one < 1e-6:
            raise CheckFailed(say("Positions {a} and {b} have the same code; expected codes that lie apart.", a=a, b=b))


@check
def encodings_are_sinusoidal(GPT, block_size=32, embed_size=8):
    """The values are sin(pos / 10000^(2i/C)) in column 2i and its cosine in column 2i + 1, as float32."""
    table = _encodings(GPT, block_size, embed_size)
    right = sinusoids(block_size, embed_size)
    fact = say("The values are not those of Vaswani et al. 2017, section 3.5.")
    if not agree(table, right, 1e-3).all():
        otherwise = _columns_in_words(table, right)
        axes = (mark("position"), mark("column"))
        cause = _cause_at_all(GPT, table)
        compare(fact, table, right, axes=axes, tolerance=1e-3, cause=cause, otherwise=otherwise)
    dtype = GPT.pos_encodings(block_size, embed_size).dtype
    if dtype != torch.float32:
        raise CheckFailed(
            say(
                "{what} is {dtype}, expected torch.float32: embeddings plus codes would become {dtype}, and the layers "
                "take no other than their own. Add .float().",
                what=NAME,
                dtype=dtype,
            )
        )


def _cause_at_all(GPT, table):
    """The known mistake that gives a table, looked for where a table is large enough to tell two of them apart."""
    try:
        # No two of these sizes, and of those made of them, are alike.
        return _cause_of(GPT, _encodings(GPT, 11, 14)) or _cause_of(GPT, table)
    except CheckFailed:
        return _cause_of(GPT, table)


def _cause_of(GPT, table):
    """The known mistake that gives a table (T, C), in words, or None."""
    T, C = table.shape
    if agree(table, sinusoids(T, C), 1e-3).all():
        return None
    right = sinusoids(T, C)
    rounded = (
        (say("the values were rounded, to {n} decimals. Leave them as they are.", n=n), right.round(decimals=n))
        for n in range(1, 4)
    )
    # Each is as near to the right ones as the digit allows; only without a tolerance they are told apart.
    cause = likely_cause(table, rounded, 1e-6) or likely_cause(table, _known_encodings(GPT, table), 1e-3)
    if cause is None:  # large angles lose digits, the larger the more
        near = ((words, wrong) for words, wrong in _known_encodings(GPT, table) if agree(table, wrong, 0.1).all())
        cause = likely_cause(table[:3], ((words, wrong[:3]) for words, wrong in near), 1e-2)
    return cause or (say(NEARLY) if nearly(table, sinusoids(T, C)) else power_first(GPT.pos_encodings) or None)


def _columns_in_words(table, right):
    """Which columns are right, and where the others agree in a row or a column."""
    same = torch.isclose(table, right, rtol=1e-3, atol=1e-5)  # the smallest sines are 0.001, and must not pass for 0
    good = [column for column in range(table.shape[1]) if same[:, column].all()]
    if good:
        return say("Right are the columns {good}; the others aren't.", good=good)
    rows = [row for row in range(table.shape[0]) if same[row].all()]
    if len(rows) > 1:
        return say("Right are the rows {rows}; the others aren't.", rows=rows)
    return say("No column is right.")


def _bases(table):
    """Bases other than 10000 that a table may be made with, pairs of words and number."""
    C = table.shape[1]
    listed = [
        (
            say(
                "the exponent is i/C; it should be 2i/C. Or base 100 was taken in place of 10000, which does the same."
            ),
            100.0,
        ),
        (say("the exponent is 4i/C; it should be 2i/C. Was the 2 applied twice?"), 1e8),
        (
            say(
                "every pair of columns has the same frequency: the exponent 2i/C is missing, or always 0, as // makes "
                "it. A fraction takes /."
            ),
            1.0,
        ),
        (
            say("each pair of columns divides by a power of 10000 itself; the exponent should be 2i / C, a fraction."),
            1e4 ** (C / 2),
        ),
        (
            say("each pair of columns divides by a power of 10000 itself; the exponent should be 2i / C, a fraction."),
            1e4**C,
        ),
        (say("the logarithm of 10000 is missing: exp(-2i / C) has base e."), math.e),
        (say("the logarithm to base 10 was taken; exp needs the natural one, math.log."), math.exp(4)),
        (say("the logarithm to base 2 was taken; exp needs the natural one, math.log."), math.exp(math.log2(10000))),
    ]
    yield from listed
    # Sine and cosine of the second frequency, wherever they stand: beside each other, or in two halves.
    step = table[1, [2, 3, 1, C // 2 + 1]].tolist() if min(table.shape) > 3 else []
    for value in (angle for number in step if 0 < number < 1 for angle in (math.asin(number), math.acos(number))):
        with_error = value ** (-C / 2)  # the second frequency is base^(-2 / C)
        base = float(f"{with_error:.5g}")
        square = float(f"{min(base, 1e9) ** 2:.4g}")
        if square in (1e3, 1e5):
            exponent = say("the exponent is i/C; it should be 2i/C.")
            yield two_causes(exponent, say("base {base:g} was taken in place of 10000.", base=square)), base
        if base == 1e6:
            yield (
                say("base 1000000 was taken in place of 10000; or base 1000, with an exponent that is twice as large."),
                base,
            )
        if 1 < base < 1e7:
            yield say("base {base:g} was taken in place of 10000.", base=base), base


def _exponents(T, C):
    """Exponents other than 2i / C for the C columns, pairs of words and numbers (C,)."""
    pairs = torch.arange(C // 2, dtype=torch.float64).repeat_interleave(2)
    columns = torch.arange(C, dtype=torch.float64)
    return [
        (
            say(
                "each column has a frequency of its own; a sine and the cosine beside it should share one, "
                "10000^(2i/C)."
            ),
            columns / C,
        ),
        (
            say("the exponent of column j is 2j/C; it should be 2i/C for the columns 2i and 2i + 1."),
            2 * columns / C,
        ),
        (
            say("the cosine has the frequency of the next pair; it should share that of the sine beside it."),
            (columns + columns % 2) / C,
        ),
        (
            say("the cosine has a frequency of its own; it should share that of the sine beside it."),
            2 * (pairs + columns % 2 * pairs) / C,
        ),
        (say("the exponents run from 0 to 1 in equal steps; 2i/C stops before 1."), pairs / max(C // 2 - 1, 1)),
        (say("the exponent is divided by block_size; divide by embed_size."), 2 * pairs / T),
        (say("the exponent is divided by block_size; divide by embed_size."), pairs / T),
        (say("the exponent isn't divided by C as a whole: it is 2i / C, a fraction. Put it in brackets: "
             "10000 ** (2 * i / C)."), 2 * pairs),
        (say("the exponent isn't divided by C as a whole: it is 2i / C, a fraction. Put it in brackets: "
             "10000 ** (2 * i / C)."), pairs),
        (say("the exponent is 1 - 2i/C; it should be 2i/C, and the first one 0."), 1 - 2 * pairs / C),
        (say("the exponents begin at 2 / C; the first one should be 0."), 2 * (pairs + 1) / C),
        (say("the exponents begin at 1 / C; the first one should be 0."), (2 * pairs + 1) / C),
        (say("the exponent is divided by C - 1; divide by C, embed_size."), 2 * pairs / (C - 1)),
        (say("the exponent is divided by C + 1; divide by C, embed_size."), 2 * pairs / (C + 1)),
        (
            say("the columns are in the reverse order: the first pair has the highest frequency."),
            2 * (C // 2 - 1 - pairs) / C,
        ),
        *(
            (
                say(
                    "the exponent is divided by {size}, and fits embed_size = {size} only; take embed_size.", size=size
                ),
                2 * pairs / size,
            )
            for size in (4, 6, 8, 10, 12, 16, 20, 24, 32, 64, 128, 256, 512, 768)
            if size != C
        ),
    ]  # fmt: skip


def _take_turns(angles):
    """Sine of the angles (T, C) in the even columns, cosine in the odd ones."""
    return torch.where(torch.arange(angles.shape[1]) % 2 == 1, angles.cos(), angles.sin())


def _layouts(T, C, ends):
    """How sine and cosine of the angles (T, C) are laid out, wrongly: pairs of words and functions of the angles.

    Args:
        ends: what ends a loop of the method early, in words, or "".
    """
    odd = torch.arange(C) % 2 == 1
    rows = torch.arange(T)[:, None] % 2 == 1
    even = slice(0, None, 2)

    def part(*halves):  # a table (T, C) whose left and right half are these
        return torch.cat(halves, 1)

    return [
        (say("sine and cosine are swapped: columns 0, 2, 4 are cosines; the even columns should be sines."),
         lambda angles: torch.where(odd, angles.sin(), angles.cos())),
        (say("all sines stand left and all cosines right; they should take turns, column by column."),
         lambda angles: part(angles[:, even].sin(), angles[:, even].cos())),
        (say("all cosines stand left and all sines right; they should take turns."),
         lambda angles: part(angles[:, even].cos(), angles[:, even].sin())),
        (say("sines stand in the left half and cosines in the right; they should take turns, column by column."),
         lambda angles: part(angles[:, : C // 2].sin(), angles[:, C // 2 :].cos())),
        (
            say("each row holds the sines of two positions, or their cosines: they were laid one after the other, and "
                "reshaped. Stack them along the last dimension, dim=-1, before that."),
            lambda angles: torch.cat((angles[:, even].sin(), angles[:, even].cos())).reshape(T, C),
        ),
        (
            say("each row holds the cosines of two positions, or their sines: they were laid one after the other, and "
                "reshaped. Stack them along the last dimension, dim=-1, sines first, before that."),
            lambda angles: torch.cat((angles[:, even].cos(), angles[:, even].sin())).reshape(T, C),
        ),
        (
            say("columns became rows by a reshape, which leaves the numbers in their order. A transpose turns them, "
                ".T."),
            lambda angles: _take_turns(angles).T.reshape(T, C),
        ),
        (say("columns 1, 3, 5 are sines; the odd columns should be cosines."), torch.sin),
        (say("columns 0, 2, 4 are cosines; the even columns should be sines."), torch.cos),
        (say("the cosines are negative."), lambda angles: torch.where(odd, -angles.cos(), angles.sin())),
        (say("the sines are negative."), lambda angles: torch.where(odd, angles.cos(), -angles.sin())),
        (say("sine and cosine take turns row by row; they should take turns column by column."),
         lambda angles: torch.where(rows, angles.cos(), angles.sin())),
        (say("these are the angles, before sine and cosine."), lambda angles: angles),
        (say("the cosine columns hold the angles; their cosine is missing."),
         lambda angles: torch.where(odd, angles, angles.sin())),
        (say("the cosine is taken of the sines beside it. Take it of the angles."),
         lambda angles: torch.where(odd, angles.sin().cos(), angles.sin())),
        (say("the cosine columns were left at 0."), lambda angles: torch.where(odd, 0 * angles, angles.sin())),
        (say("the sine columns were left at 0."), lambda angles: torch.where(odd, angles.cos(), 0 * angles)),
        (say("the cosines stand in the even columns, and the odd ones were left at 0."),
         lambda angles: torch.where(odd, 0 * angles, angles.cos())),
        (say("the cosine columns hold the tangent."), lambda angles: torch.where(odd, angles.tan(), angles.sin())),
        (say("the sine columns hold the tangent."), lambda angles: torch.where(odd, angles.cos(), angles.tan())),
        (
            say("the cosine columns are moved by a quarter turn too far."),
            lambda angles: torch.where(odd, -angles.sin(), angles.sin()),
        ),
        (
            say(
                "the odd columns are sines shifted by 90. Angles are radians here: a quarter turn is math.pi / 2. Or "
                "take torch.cos."
            ),
            lambda angles: torch.where(odd, (angles + 90).sin(), angles.sin()),
        ),
        (
            say("the even columns are cosines shifted by 90. Angles are radians here. Take torch.sin."),
            lambda angles: torch.where(odd, angles.cos(), (angles - 90).cos()),
        ),
        (say("sine and cosine were added up."), lambda angles: angles.sin() + angles.cos()),
        (say("sine and cosine were multiplied."), lambda angles: angles.sin() * angles.cos()),
        (say("the values were multiplied by sqrt(embed_size)."),
         lambda angles: _take_turns(angles) * math.sqrt(C)),
        (say("the values were divided by sqrt(embed_size)."),
         lambda angles: _take_turns(angles) / math.sqrt(C)),
        (say("the rows were scaled to length 1."),
         lambda angles: _take_turns(angles) / math.sqrt(C / 2)),
        (say("the values were moved to between 0 and 1."),
         lambda angles: (_take_turns(angles) + 1) / 2),
        (say("the positions are in the reverse order."),
         lambda angles: _take_turns(angles).flip(0)),
        (say("the columns are in the reverse order."),
         lambda angles: _take_turns(angles).flip(1)),
        (say("the codes are added up from position to position."),
         lambda angles: _take_turns(angles).cumsum(0)),
        (say("the last row was never filled."),
         lambda angles: torch.where(torch.arange(T)[:, None] == T - 1, 0, _take_turns(angles))),
        (say("the first row was never filled."),
         lambda angles: torch.where(torch.arange(T)[:, None] == 0, 0, _take_turns(angles))),
        (together(say("only the first row was filled."), ends),
         lambda angles: torch.where(torch.arange(T)[:, None] > 0, 0, _take_turns(angles))),
        (say("only the first two columns were filled."),
         lambda angles: torch.where(torch.arange(C) > 1, 0, _take_turns(angles))),
        (say("the last two columns were never filled."),
         lambda angles: torch.where(torch.arange(C) >= C - 2, 0, _take_turns(angles))),
        (say("the values were rounded to whole numbers."),
         lambda angles: _take_turns(angles).trunc()),
    ]  # fmt: skip


def _known_encodings(GPT, table):
    """Pairs of a known mistake in words and the table (T, C) that it gives, one at a time, then two at once."""
    T, C = table.shape
    pairs = torch.arange(C // 2, dtype=torch.float64).repeat_interleave(2)
    positions = torch.arange(T, dtype=torch.float64)[:, None]
    odd = torch.arange(C) % 2 == 1
    yield say("the table is all zeros: it was made, but never filled."), torch.zeros(T, C, dtype=torch.float64)
    yield say("the table is all ones: it was made, but never filled."), torch.ones(T, C, dtype=torch.float64)
    yield say("the index itself is no sine."), positions.expand(T, C)
    yield say("the index over the length is no sine."), (positions / T).expand(T, C)
    yield say("the index over the length is no sine."), (positions / max(T - 1, 1)).expand(T, C)
    sine = (positions / 10000 ** (2 * pairs / C)).sin()
    yield (
        say("the cosines have no frequency: they are those of the position alone."),
        torch.where(odd, positions.cos(), sine),
    )
    for words, power in [("", 2 * pairs / C), *_exponents(T, C)[:2]]:
        outside = say(
            "sine and cosine are taken of the position alone, and divided after it. Divide inside: sin(pos / ...)."
        )
        wrong = torch.where(odd, positions.cos(), positions.sin()) / 10000**power
        yield two_causes(outside, words) if words else outside, wrong
    yield (
        say("each position has a 1 in a column of its own; here they should be sines and cosines."),
        torch.eye(T, C).double(),
    )
    places = [
        (say("positions start at 1; the first one should be 0."), positions + 1),
        (say("the position was divided by block_size first; so the code depends on the length."), positions / T),
        (
            say("the position was divided by block_size - 1 first; so the code depends on the length."),
            positions / max(T - 1, 1),
        ),
        (
            say("the positions run to block_size in equal steps. They are 0, 1, 2, ..., as torch.arange makes them."),
            positions * T / max(T - 1, 1),
        ),
        (say("the position is doubled in the angle."), 2 * positions),
        (say("the angles are taken as degrees."), positions * math.pi / 180),
        (say("the angles are taken with a factor of 2 pi."), positions * 2 * math.pi),
        (say("the angles are taken with a factor of pi."), positions * math.pi),
        (say("the angles are multiplied by embed_size."), positions * C),
        (say("the position is missing in the angle."), positions * 0 + 1),
    ]  # fmt: skip
    ways = [
        (
            say("the angles were cut to whole numbers, by //. Divide with /."),
            lambda place, base, power: (place / base**power).floor(),
        ),
        (say("the position is multiplied by 10000^(2i/C); divide."), lambda place, base, power: place * base**power),
        (
            say("every pair of columns divides by 10000; the exponent 2i/C is missing."),
            lambda place, base, power: place / base + 0 * power,
        ),
        (
            say("every column has the same frequency; the exponent 2i/C is missing."),
            lambda place, base, power: place + 0 * power,
        ),
        (
            say(
                "brackets are missing: the base is raised to 2i first, and the division by C follows. It should be "
                "10000 ** (2i / C)."
            ),
            lambda place, base, power: place / (base ** (power * C) / C),
        ),
        (
            say("brackets are missing: the angle is divided by C as a whole. It is pos / 10000 ** (2i / C)."),
            lambda place, base, power: place / base ** (power * C) / C,
        ),
        (
            say("brackets are missing: 10000 ** 2 is taken first, and multiplied with i / C. It is 10000 ** (2i / C)."),
            lambda place, base, power: place / base**2 * (power / 2),
        ),
        (
            say("brackets are missing: 10000 ** 2 is taken first, and multiplied with i / C. It is 10000 ** (2i / C)."),
            lambda place, base, power: place / (base**2 * (power / 2)),
        ),
        (
            say("10000 is multiplied with 2i / C; it should be raised to that power, with **."),
            lambda place, base, power: place / (base * power),
        ),
        (
            say("the power is raised the other way round: it should be 10000 ** (2i / C)."),
            lambda place, base, power: place / power**base,
        ),
        (
            say("position and divisor are added; the position should be divided by 10000^(2i/C)."),
            lambda place, base, power: place + base**power,
        ),
        (
            say("position and column have changed places in the formula."),
            lambda place, base, power: power * C / 2 / base ** (2 * place / C),
        ),
        (say("the position stands in the exponent."), lambda place, base, power: base ** (-power * place)),
    ]

    yield from mistakes(
        lambda place, power, base, way, layout: layout(way(place, base, power)),
        {
            "place": (positions, places),
            "power": (2 * pairs / C, _exponents(T, C)),
            "base": (10000.0, list(_bases(table))),
            "way": (lambda place, base, power: place / base**power, ways),
            "layout": (_take_turns, _layouts(T, C, what_ends_a_loop(GPT.pos_encodings))),
        },
    )


def _logits(GPT, idx, C, vocab_size, block_size, seed, training=True):
    """The logits of a model with known positions, that model, those positions, (128, C), and what its layers got."""
    B, T = idx.shape
    table = torch.randn(128, C, generator=seeded(seed))
    with lent_encodings(GPT, table) as asked:
        torch.manual_seed(seed)
        full = torch.zeros(B, block_size, dtype=torch.long)
        head = BentMeanModule((*full.shape, C))
        model = run("GPTVer3(head, ...)", GPT, head, vocab_size, C, block_size).train(training)

        def new():
            fresh = GPT(BentMeanModule(head.expected), vocab_size, C, block_size).train(training)
            fresh.load_state_dict(model.state_dict(), strict=False)
            return fresh

        def hint():
            return _what_codes_meet(new(), asked, idx) or _of_sizes(new, asked, idx, C, vocab_size, block_size)

        try:
            run("GPTVer3.logits(idx)", new().logits, full, hint=hint)  # has an error to do with T at all?
            head.expected = ()
            run("GPTVer3.logits(idx)", model.logits, idx[:, :1], hint=hint)  # is it remembered?
            out, stages = staged(model, idx, hint=hint)
            has_its_shape("GPTVer3", out, B, T, C, vocab_size)
            if isinstance(out, torch.Tensor) and tuple(out.shape) != (B, T, vocab_size) and (words := hint()):
                said = say(
                    "{what} has shape {yours}, expected {expected}.",
                    what="GPTVer3.logits(idx)",
                    yours=tuple(out.shape),
                    expected=(B, T, vocab_size),
                )
                raise CheckFailed(f"{said}\n{words}")
            out = tensor(out, "GPTVer3.logits(idx)", (B, T, vocab_size))
        except CheckFailed as failed:
            met = _what_codes_meet(new(), asked, idx) if asked else ""
            stopped = failed
            if met and met not in failed.said:
                stopped = CheckFailed(f"{failed.said}\n{met}", failed.cause)
        else:
            return out, model, table, stages, new
    raise _own_table_first(GPT, new, idx, block_size, C) or stopped


def _own_table_first(GPT, new, idx, block_size, C):
    """That logits takes the learner's own table, which is a wrong one, in place of a right one; else None."""
    try:
        _encodings(GPT, block_size, C)
    except NotYet:
        return None
    except CheckFailed as own:
        with contextlib.suppress(Exception):
            if new().logits(idx).shape[:2] == idx.shape:
                fits = say("The codes that logits is tried with have the right shape, and don't fit into it.")
                return CheckFailed(f"{own.said}\n{fits}", own.cause)
    return None


class _Meeting(TorchFunctionMode):
    """Remembers which tensor the codes first meet, and in which operation; slices of codes are codes."""

    MEETINGS = {"add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "matmul"}
    JOINS = {"cat", "concat", "concatenate", "stack", "hstack", "dstack"}

    def __init__(self, asked):
        super().__init__()
        self.asked, self.more = asked, []
        self.name, self.other = "", None

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "").strip("_")
        parts = [part for each in args for part in (each if isinstance(each, (tuple, list)) else [each])]
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        known = [*(codes for *_, codes in self.asked), *self.more]
        others = [part for part in tensors if not any(part is codes for codes in known)]
        if len(others) < len(tensors) and self.other is None:
            if others and name in self.MEETINGS | self.JOINS and others[0].numel() > 1:
                self.name, self.other = name, others[0].detach().clone()
            else:
                result = func(*args, **(kwargs or {}))
                self.more.append(result)
                return result
        return func(*args, **(kwargs or {}))


def _what_codes_meet(model, asked, idx):
    """That wrong codes were asked for, or joined, or added to something else than embeddings, in words, or ""."""
    with contextlib.suppress(Exception), _Meeting(asked) as meeting:
        model.logits(idx)
    other, (V, C) = meeting.other, model.token_embedding_table.weight.shape
    if any((rows, width) == (C, model.block_size) != (model.block_size, C) for rows, width, _ in asked):
        return say("The sizes are swapped: it is pos_encodings(block_size, embed_size).")
    if other is None:
        return ""
    if other.numel() == idx.numel() and torch.equal(other.flatten().float(), idx.flatten().float()):
        return say("The codes are added to the numbers of the characters. Embed those first, then add.")
    if meeting.name == "matmul":
        return say("@ makes a product of matrices with the codes. Add them, x + codes.")
    if meeting.name in _Meeting.JOINS:
        return say(
            "torch.{name} joins the codes to something else. Add them instead, x + codes: C stays {C}.",
            name=meeting.name,
            C=C,
        )
    if other.shape[-1] == V != C:
        return say("The codes are added to the logits. Add them to the embeddings, before the head.")
    if other.shape == (V, C) and torch.equal(other, model.token_embedding_table.weight):
        return say(
            "The codes are added to the embedding table, one row for each character. Add them to the embeddings of idx."
        )
    return ""


def _of_sizes(new, asked, idx, C, vocab_size, block_size):
    """What is wrong with sizes, in words, where `logits` stops or gives another shape; else an empty string.

    Args:
        new: makes a model.
        asked: what pos_encodings was asked for, and gave.
    """
    B, T = idx.shape
    for _, width, _ in asked:
        if width == vocab_size != C:
            return say(
                "The codes are as wide as the logits, {width}. They must be as wide as the embeddings, {C}.",
                width=width,
                C=C,
            )
        if width != C:
            return say(
                "The codes must be as wide as the embeddings, {C}, which is their x.shape[-1]. {width} was asked for.",
                width=width,
                C=C,
            )

    def lengths(examples):
        found = set()
        for length in range(1, block_size + 1):
            with contextlib.suppress(Exception):
                shape = new().logits(torch.zeros(examples, length, dtype=torch.long)).shape
                found |= {length} if shape[:2] == (examples, length) else set()
        return found

    taken = lengths(B)
    if T in taken and block_size in taken:
        return say(
            "A new model takes this idx, this one doesn't any more: something is kept from a call with a shorter text."
        )
    if taken and taken <= {1, block_size}:
        return say(
            "A text may be shorter than block_size: add the first T codes, pos_encodings(...)[:T]. "
            "[:, :T] takes columns."
        )
    if B in taken and taken <= {1, B} and B + 1 in lengths(B + 1):
        return say("It works only where T is {B}, the number of examples: T is idx.shape[1].", B=B)
    if taken == set(range(1, block_size)):
        return say("Where T is block_size, a code is missing. The first T are [:T]. Does the slice begin at 1?")
    if taken and max(taken) < block_size and taken == set(range(1, max(taken) + 1)):
        return counted(
            "It takes {n} position, but not {more}, with block_size = {block_size}: a size is fixed. Take it from "
            "self.block_size.",
            "It takes {n} positions, but not {more}, with block_size = {block_size}: a size is fixed. Take it from "
            "self.block_size.",
            max(taken),
            more=max(taken) + 1,
            block_size=block_size,
        )
    return ""


@check
@torch.no_grad()
def tells_positions_apart(GPT, T=6, C=8, vocab_size=11, block_size=9, seed=0):
    """A repeated token gets other logits at each position; a table, or a head without positions, can't do that."""
    idx = torch.full((2, T), 3)
    out, model, *_ = _logits(GPT, idx, C, vocab_size, block_size, seed)
    without = model.lm_head(model.head(model.token_embedding_table(idx)))  # what GPTVer2 makes of it
    if not torch.allclose(without, without[:, :1].expand_as(without), atol=1e-5):
        raise CheckFailed(
            say("Without positions a repeated token must get the same logits everywhere. Is the head changed?")
        )
    distances = torch.cdist(out[0], out[0]) + 1e9 * torch.eye(T)
    if distances.min() < 1e-4:
        i, j = divmod(distances.argmin().item(), T)
        said = say(
            "For the same character {T} times over, positions {i} and {j} get the same logits, {yours}; expected "
            "different ones.",
            T=T,
            i=i,
            j=j,
            yours=brief(out[0, i]),
        )
        cause = _cause_of_logits(GPT)
        if not cause:
            said = f"{said}\n" + say("The code of a position belongs to its embedding.")
        raise CheckFailed(said, cause)


def _cause_of_logits(GPT):
    """What the check of the sum says to be the cause; else nothing."""
    try:
        adds_positions(GPT, vocab_size=11, block_size=14)
    except CheckFailed as failed:
        return failed.cause
    return None


@check
@torch.no_grad()
def adds_positions(GPT, B=2, T=5, C=8, vocab_size=11, block_size=9, seed=0):
    """The positions are added to the embeddings before the head, for sequences of any length up to block_size."""
    idx = torch.randint(vocab_size, (B, T), generator=seeded(seed))
    for training in (True, False):
        out, model, table, stages, new = _logits(GPT, idx, C, vocab_size, block_size, seed, training)
        _adds_positions(idx, out, model, table, stages, new, block_size)
        _learns_nothing_new(model)
    _adds_its_own(GPT, idx, C, vocab_size, block_size)


def _adds_its_own(GPT, idx, C, vocab_size, block_size):
    """Fail where logits doesn't add what the class's own pos_encodings gives, be that right or wrong."""
    T, name = idx.shape[1], "GPTVer3.logits(idx)"
    try:
        tables = [_encodings(GPT, size, C) for size in (block_size, T)]
        if GPT.pos_encodings(block_size, C).dtype != torch.float32:
            return
    except CheckFailed:
        return
    torch.manual_seed(0)
    model = run("GPTVer3(head, ...)", GPT, BentMeanModule(), vocab_size, C, block_size)

    def right(table):
        x = model.token_embedding_table(idx) + table[:T].float()
        return model.lm_head(model.head(x))

    try:
        leaves_alone(name, model.logits, idx, (idx + 1) % vocab_size)
        out = run(name, model.logits, idx)
    except CheckFailed as failed:
        static = isinstance(inspect.getattr_static(GPT, "pos_encodings"), staticmethod | classmethod)
        if static or failed.cause:
            raise
        raise CheckFailed(
            failed.said, say("@staticmethod is missing above pos_encodings, which has no self.")
        ) from None
    near = [table for table in tables if agree(out, right(table)).all()]
    if not near:
        idx = torch.randint(vocab_size, idx.shape, generator=seeded(77))
        if any(agree(run(name, model.logits, idx), right(table)).all() for table in tables):
            raise CheckFailed(
                say("{what} gave the logits of another model, which was asked for the same text before.", what=name),
                say("they are kept on the class, for all models. Compute them anew in each call."),
            )
        raise CheckFailed(
            say("GPTVer3.logits doesn't add what pos_encodings gives, though it adds codes of the check's."),
            say("pos_encodings is called in another way than it is written, or what it gives is changed in place."),
        )
    follows_learning("GPTVer3", model, idx, lambda: right(near[0]))


def _learns_nothing_new(model):
    """The codes are computed, so a model has no parameters but those that it was given with."""
    others = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and not name.endswith(GIVEN)
    ]
    if others:
        raise CheckFailed(
            say(
                "GPTVer3 has a parameter of its own, {name}: training would change it.\n"
                "The codes aren't learned and aren't scaled. Add what pos_encodings gives, as it is.",
                name=others[0],
            )
        )


def _adds_positions(idx, out, model, table, stages, new, block_size):
    T, C = idx.shape[1], table.shape[1]
    x, places = model.token_embedding_table(idx), table[:T]
    head, lm_head = model.head, model.lm_head
    right = lm_head(head(x + places))
    if agree(out, right).all():
        return
    if agree(out, lm_head(head(x + sinusoids(T, C).to(x.dtype)))).all():
        return  # made by a helper that pos_encodings shares; its values have a check of their own
    fact = say("GPTVer3.logits is not lm_head(head(embeddings + positions)).")
    axes = (mark("example"), mark("position"), mark("token"))
    with lent_encodings(type(model), table) as asked:
        cause = another_head(model, stages) or made_anew(model, model.logits, idx)
        cause = cause or why_not_the_same_again(model, idx, out)
        if cause:
            compare(fact, out, right, axes=axes, cause=cause)
        if agree(run("GPTVer3.logits(idx)", new().logits, idx), right).all():
            cause = say("something is kept from an earlier call with a shorter text. Make it anew in each call.")
            compare(fact, out, right, axes=axes, cause=cause)
        otherwise = where_it_parts(model, idx, out, x + places, stages)
        met = _what_codes_meet(new(), asked, idx)
    given = stages.get("into the head")
    cause = met or _factor_of_codes(given, x, places)
    cause = cause or likely_cause(out, _other_logits(idx, x, head, lm_head, table, block_size))
    if cause is None and given is not None:
        cause = likely_cause(given, _other_inputs(idx, x, table, block_size)) or _other_codes(given, x, table)
        later = likely_cause(out, _after_the_head(given, head, lm_head, places))
        cause = two_causes(cause, later) if cause and later else cause
    compare(fact, out, right, axes=axes, cause=cause or normalised(out), otherwise=otherwise)


def _factor_of_codes(given, x, places):
    """The number that the codes (T, C) were multiplied with before they were added to x, in words, or None."""
    if given is None or given.shape != x.shape or agree(given, x).all():
        return None
    added, seen = given - x, places.abs().expand_as(x) > 1e-3
    factor = (added / places)[seen].median().item()
    if not agree(added, factor * places).all() or abs(factor) in (1.0, 2.0):
        return None
    return say("the codes are multiplied by {factor:.4g} before they are added. Add them as they are.", factor=factor)


def _other_codes(given, x, table):
    """Which position gets another one's code, where what is added to x (B, T, C) are codes, in words, or None."""
    if given.shape != x.shape:
        return None
    distances = torch.cdist(given - x, table.expand(len(x), *table.shape))  # (B, T, 128)
    number = distances.argmin(-1)
    wrong = number != torch.arange(x.shape[1])
    if (distances.amin(-1) > 1e-3).any() or not wrong.any():
        return None
    b, t = wrong.nonzero()[0].tolist()
    return say(
        "position {t} of example {b} gets the code of number {number}. It should get that of number {t}.",
        t=t,
        b=b,
        number=number[b, t].item(),
    )


def _other_logits(idx, x, head, lm_head, table, block_size):
    """Pairs of a known mistake in words and the logits (B, T, V) that it gives."""
    places = table[: idx.shape[1]]
    given = x + places
    return [
        *((words, lm_head(head(wrong))) for words, wrong in _other_inputs(idx, x, table, block_size)),
        (say("the positions are added after the head; add them before it."), lm_head(head(x) + places)),
        (say("the head isn't used."), lm_head(given)),
        (say("the head isn't used."), lm_head(x)),
        (
            say("the head sees only the positions; add them to the embeddings before it."),
            lm_head(x + head(places[None])),
        ),
        (
            say("embeddings and positions go through the head apart; add them before it."),
            lm_head(head(x) + head(places[None])),
        ),
        (
            say("the embeddings are added to the head's output. Only that output should go into lm_head."),
            lm_head(head(given) + x),
        ),
        *_after_the_head(given, head, lm_head, places),
    ]  # fmt: skip


def _after_the_head(given, head, lm_head, places):
    """Pairs of a known mistake after the head was given what it was given, and the logits (B, T, V) that it gives."""
    return [
        (say("the positions are added before the head and after it."), lm_head(head(given) + places)),
        (
            say("the head's input is added to its output. Only that output should go into lm_head."),
            lm_head(head(given) + given),
        ),
        (say("the head is used twice."), lm_head(head(head(given)))),
        *after_lm_head(lm_head(head(given))),
    ]


def _other_inputs(idx, x, table, block_size):
    """Pairs of a known mistake in words and what then goes into the head, (B, T, C)."""
    B, T, C = x.shape
    places = table[:T]
    last = table[block_size - T : block_size]
    index = torch.arange(T, dtype=x.dtype)[:, None]
    second = torch.arange(T)[:, None] % 2 == 0
    through = torch.arange(B * T).view(B, T).clamp(max=len(table) - 1)
    return [
        (say("no positions reach the head: it is given the embeddings alone."), x),
        (say("the positions are added twice."), x + 2 * places),
        (say("the positions are multiplied with the embeddings; add them."), x * places),
        (say("the embeddings are multiplied by 1 plus the positions; add them."), x * (1 + places)),
        (say("the positions are subtracted; add them."), x - places),
        (say("the embeddings are subtracted from the positions; add them."), places - x),
        (say("the last T positions are added; the sequence should start at position 0."), x + last),
        (say("every position gets the code of position 0."), x + places[0]),
        (say("the table was indexed by the characters; index it by position."), x + table[idx]),
        (say("only the code of the character counts: the table was indexed by the characters."), table[idx]),
        (say("the codes go down the batch; they should go along the positions."), x + table[:B][:, None]),
        (say("the positions are in the reverse order."), x + places.flip(0)),
        (say("every position gets the code of the last one."), x + places[-1]),
        (say("every position gets the code of number T, which is behind the last one."), x + table[T]),
        (say("every position gets the code of the last row of the table."), x + table[block_size - 1]),
        (say("the positions start at 1; the first one should be 0."), x + table[1 : T + 1]),
        (say("only the positions go into the head; add them to the embeddings."), places.expand_as(x)),
        (say("the embeddings are scaled by sqrt(C). Add the codes to them as they are."), x * math.sqrt(C) + places),
        (say("the sum of embeddings and positions is scaled by sqrt(C)."), (x + places) * math.sqrt(C)),
        (say("the positions are scaled by sqrt(C)."), x + places * math.sqrt(C)),
        (say("the positions are divided by sqrt(C)."), x + places / math.sqrt(C)),
        (say("embeddings and positions are averaged; add them."), (x + places) / 2),
        (say("every position gets the mean of all codes."), x + places.mean(0)),
        (say("every position gets the sum of all codes."), x + places.sum(0)),
        (say("the codes are added up from position to position."), x + places.cumsum(0)),
        (say("the number of the position is added itself, not its code."), x + index),
        (say("the number of the position over T is added, not its code."), x + index / T),
        (say("the number of the position over block_size is added, not its code."), x + index / block_size),
        (say("the code of a position is added at every second position only."), x + places * second),
        (say("only the first example gets positions."), torch.cat((x[:1] + places, x[1:]))),
        (say("the positions begin anew for no example: they count through the batch."), x + table[through]),
    ]
