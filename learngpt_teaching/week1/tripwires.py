"""Wrong answers that a check must catch: where one passes, something in the kernel keeps the checks from working.

For each graded cell, the method of the student's class that is replaced for a moment, and a wrong one. `R` stands for a
number that is drawn anew each time.
"""

import random
import re
import textwrap

_GENERATE_UNIFORM = """def generate(self, idx, n):
    return torch.cat((idx, torch.randint(self.token_embedding_table.num_embeddings, (len(idx), n))), 1)"""
_SCALE = "def __call__(self, x):\n    return R * x"
_LOOP = "def __call__(self, x):\n    return torch.stack([x[:, : t + 1].mean(1) for t in range(x.shape[1])], 1)"
_KEEP_WEIGHTS = """def __call__(self, x):
    self.wei = {weights}
    return self.wei @ x"""
_ATTENTION = """def forward(self, x, debug=False):
    B, T, C = x.shape
    q, k, v = self.query(x), self.key(x), self.value(x)
    if debug:
        q, k, v = torch.randn(B, T, C), torch.randn(B, T, C), torch.randn(B, T, C)
    scores = q @ k.transpose(-2, -1) / {scale}
    self.var = scores.var()
    self.wei = {weights}
    return {out}"""
_MASKED = 'scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")).softmax(-1)'


def _attention(scale="C**0.5", weights=_MASKED, out="self.wei @ v"):
    return "HeadVer4", "forward", _ATTENTION.format(scale=scale, weights=weights, out=out)


def _encodings(body):
    return (
        "GPTVer3",
        "pos_encodings",
        f"@staticmethod\ndef pos_encodings(T, C):\n    t = torch.arange(T)[:, None]\n{body}",
    )


def _logits(name, expression):
    return name, "logits", f"def logits(self, idx):\n    x = self.token_embedding_table(idx)\n    return {expression}"


TRIPWIRES = {
    "generate_keeps_context_and_appends_max_new_tokens": (
        "GPTVer1",
        "generate",
        "def generate(self, idx, n):\n    return torch.cat((idx.flip(1), idx[:, :1].repeat(1, n)), 1)",
    ),
    "generate_samples_from_softmax_of_last_logits": ("GPTVer1", "generate", _GENERATE_UNIFORM),
    "generate_never_shows_more_than_block_size": (
        "GPTVer1",
        "generate",
        """def generate(self, idx, n):
    for _ in range(n):
        idx = torch.cat((idx, torch.multinomial(self(idx)[0][:, -1].softmax(-1), 1)), 1)
    return idx""",
    ),
    "generate_writes_likelier_text_after_training": ("GPTVer1", "generate", _GENERATE_UNIFORM),
    "head_v1_averages_the_past": ("HeadVer1", "__call__", _SCALE),
    "head_v1_never_mixes_examples_nor_looks_ahead": (
        "HeadVer1",
        "__call__",
        "def __call__(self, x):\n    return x + R * x.mean((0, 1))",
    ),
    "gpt_v2_makes_logits_from_table_head_and_lm_head": _logits("GPTVer2", "R * self.lm_head(self.head(x))"),
    "gpt_v2_trains_and_generates": _logits("GPTVer2", "self.lm_head(0 * x)"),
    "head_v2_equals_the_loops": ("HeadVer2", "__call__", _SCALE),
    "head_v2_operations_do_not_grow_with_b_and_t": ("HeadVer2", "__call__", _LOOP),
    "head_v3_equals_the_loops": ("HeadVer3", "__call__", _SCALE),
    "head_v3_needs_no_loop": ("HeadVer3", "__call__", _LOOP),
    "head_v3_future_weights_are_zero": (
        "HeadVer3",
        "__call__",
        _KEEP_WEIGHTS.format(weights="(R * torch.ones(x.shape[1], x.shape[1])).softmax(-1)"),
    ),
    "head_v3_rows_sum_to_one": (
        "HeadVer3",
        "__call__",
        _KEEP_WEIGHTS.format(weights="R * torch.ones(x.shape[1], x.shape[1]).tril()"),
    ),
    "head_v4_future_weights_are_zero": _attention(weights="(R * scores).softmax(-1)"),
    "head_v4_rows_sum_to_one": _attention(weights=f"R * {_MASKED}"),
    "head_v4_variance_is_1_after_scaling": _attention(scale="R"),
    "head_v4_weights_are_softmax_of_masked_scaled_scores": _attention(scale="R"),
    "head_v4_ignores_the_order_of_the_past": _attention(out="self.wei @ (v + R * torch.arange(T)[:, None])"),
    "gpt_v2_with_head_v4_trains_and_generates": _attention(out="(self.wei @ v).detach()"),
    "gpt_v3_tells_repeated_tokens_apart": _logits("GPTVer3", "self.lm_head(self.head(x))"),
    "pos_encodings_differ_for_every_position": _encodings("    return R * torch.ones(T, C)"),
    "pos_encodings_keep_equal_distances_equal": _encodings("    return torch.sin(R * t).expand(T, C)"),
    "pos_encodings_are_those_of_vaswani": _encodings(
        """    angles = t / (1000 * R) ** (torch.arange(0, C, 2) / C)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)"""
    ),
    "gpt_v3_adds_positions_to_sequences_of_any_length": _logits("GPTVer3", "R * self.lm_head(self.head(x))"),
    "gpt_v3_trains_and_generates": _logits("GPTVer3", "self.lm_head(0 * x)"),
}

# The student's method runs first: what it does to the checks while it runs must not let a wrong answer pass either.
_BOTH = """
def both(*arguments, **options):
    try:
        theirs(*arguments, **options)
    except (Exception, SystemExit):
        pass
    return getattr(wrong, "__func__", wrong)(*arguments, **options)
both = staticmethod(both) if isinstance(wrong, staticmethod) else both"""


def draw(grade_id):
    """A tripwire for a graded cell: the code that sets it, and the code that takes it away again.

    Raises:
        KeyError: there is none for this cell.
    """
    name, method, wrong = TRIPWIRES[grade_id]
    wrong = re.sub(r"\bR\b", f"{random.uniform(1.3, 1.9):.3f}", wrong)
    kept = f"_{random.getrandbits(40):x}"
    set_up = (
        f"def {kept}(torch=__import__('torch')):\n{textwrap.indent(wrong, '    ')}\n"
        f"    theirs, wrong = getattr({name}, '{method}'), {method}{textwrap.indent(_BOTH, '    ')}\n"
        f"    return vars({name}).get('{method}'), both\n"
        f"{kept}, {name}.{method} = {kept}()"
    )
    take_away = f"if {kept} is None:\n    del {name}.{method}\nelse:\n    {name}.{method} = {kept}\ndel {kept}"
    return set_up, take_away
