"""The exam of the second assignment."""

import numpy as np


def _multiplies(name, factor):
    def exam(draw):
        ask = draw.script()
        B, T, C = draw.sizes(range(2, 6), range(3, 10), range(3, 12))
        x = draw.normal(B, T, C)
        head = ask.call(ask.look(name))
        out = ask.answer(ask.call(head, ask.tensor(x)), x.shape)
        yield [ask]
        right = factor * x.cumsum(1) / np.arange(1, T + 1)[:, None]
        return out.value is not None and bool(np.allclose(out.value, right, atol=1e-4))

    return exam


EXAMS = {
    "doubled_is_twice_the_mean": _multiplies("Doubled", 2),
    "tripled_is_thrice_the_mean": _multiplies("Tripled", 3),
}
