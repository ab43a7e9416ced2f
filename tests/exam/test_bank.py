"""The answers of the bank take the exam, and it agrees with the checks; where it doesn't, the reason stands here."""

import os
import textwrap

import pytest
import torch

from learngpt.week1.checks import attention, generating, heads, positions
from learngpt_teaching.exam import asking
from tests.exam.kernel import examine
from tests.support import answers as bank

pytestmark = pytest.mark.slow

ADDS = "gpt_v3_adds_positions_to_sequences_of_any_length"
ROWS = "head_v3_rows_sum_to_one"
V2_TRAINS = "gpt_v2_trains_and_generates"
VARIANCE = "head_v4_variance_is_1_after_scaling"
V3_TRAINS = "gpt_v3_trains_and_generates"
LIKELIER, CROPS = "generate_writes_likelier_text_after_training", "generate_never_shows_more_than_block_size"

# Where check and exam differ: grade id, what the exam says, why, answers.
KNOWN_DIFFERENCES = [
    (
        V2_TRAINS, False, "a given layer has another name, so no parameters can be loaded: costs twice, in the exam",
        "edit-5",
    ),
    (
        VARIANCE, False, "a bias was added to the given layers, so the scores aren't q k^T: costs twice, in the exam",
        "edit-10",
    ),
    (
        V3_TRAINS, True, "the check trains with the learner's pos_encodings, which cost their own points already",
        "edit-11",
    ),
    (
        V2_TRAINS, True, "the head that learns is another one or none; the logits cost their own points already",
        "gpt_v2_logits-no_head gpt_v2_logits-head_last gpt_v2_logits-head_before_table gpt_v2_logits-head_of_its_own",
    ),
    (ROWS, True, "rows sum to 1; that they are on the class costs other points", "head_v3-weights_on_the_class"),
    (
        ADDS, True, "what learns that should not is asked for once, where the model learns; so is a renamed method",
        "gpt_v3_logits-learned_scale gpt_v3_logits-codes_that_learn edit-11",
    ),
    (V3_TRAINS, False, "more learns than was given", "gpt_v3_logits-learned_scale gpt_v3_logits-codes_that_learn"),
    (
        "gpt_v3_tells_repeated_tokens_apart", True, "a renamed pos_encodings costs its own points",
        "edit-11",
    ),
    (
        "gpt_v3_tells_repeated_tokens_apart", True, "it stops at T = block_size alone, which costs its own points",
        "gpt_v3_logits-codes_from_one_on",
    ),
    (
        V2_TRAINS, False, "a head of the exam's takes no flat batch, so nothing learns: costs twice, in the exam",
        "gpt_v2_logits-joined_before_the_head",
    ),
    (
        "gpt_v3_tells_repeated_tokens_apart", False,
        "the exam's text is longer than its vocabulary, so numbers that count on come round again: costs twice",
        "gpt_v3_logits-other_characters",
    ),
]  # fmt: skip
KNOWN = {(name, grade_id): says for grade_id, says, _, names in KNOWN_DIFFERENCES for name in names.split()}
# Points that such an answer, which loses others in any case, gets or loses by chance.
BY_CHANCE = {
    ("gpt_v1_generate-shows_padding", LIKELIER),  # how common what follows token 0 is
    ("gpt_v1_generate-stops_early", CROPS),  # whether token 0 comes
    # Whether two of up to 110 angles, as good as drawn since each is a billion times its position, all but meet.
    ("gpt_v3_pos_encodings-power_then_product", "pos_encodings_differ_for_every_position"),
}


def cell_with(file, answer):
    """What `Notebook.namespace` needs to put an answer, or an edit of a given part, in its place."""
    _, cell_id, part = bank.PLACES[file]
    return lambda cell: bank.changed(cell.source, part, answer) if bank.grade_id(cell) == cell_id else cell.source


@pytest.fixture
def without_causes(monkeypatch):
    """Whether a check passes is all that is asked; what it says is tests/week1/test_answers.py's."""
    for module, name in (
        (attention._Run, "cause"), (attention, "_cause_of_stage"), (attention, "_cause_of_variance"),
        (positions, "_cause_of"), (positions, "_cause_at_all"),
        (generating, "_cause_of_draws"), (generating, "_cause_of_window"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(heads, "_explained", lambda *_: {})


def take_exam(file, answer, **options):
    """grade id -> the exam's verdict, for all graded cells of the answer's notebook."""
    notebook = bank.notebook(bank.PLACES[file][0])
    # What never ends takes a fourth of what the grader leaves it; the others take less than a second.
    result = examine(notebook.namespace(cell_with(file, answer)), notebook.graded, **{"call_seconds": 5} | options)
    assert result.ending == "complete"
    return result.verdicts


CASES = [
    pytest.param(case.id, *case.values, case.values[1].check, id=case.id)
    for kind in ("wrong", "right")
    for case in bank.answers(kind)
]
CASES += [pytest.param(f"edit-{n}", edit[0], edit[1:3], edit[3], id=f"edit-{n}") for n, edit in enumerate(bank.EDITS)]


@pytest.mark.parametrize(("name", "file", "answer", "caught"), CASES)
def test_check_and_exam_agree_on_every_grade_id(name, file, answer, caught, without_causes):
    exam = take_exam(file, answer, seed=1)
    # That the check catches a wrong answer that must, and that all pass a right one, tests/week1/test_answers.py shows.
    checks = {grade_id: grade_id != caught for grade_id in exam}
    if caught:
        said = bank.verdicts(file, answer, only=exam.keys() - {caught})
        checks |= {grade_id: words is None for grade_id, words in said.items()}
    differ = {
        (name, grade_id): verdict
        for grade_id, verdict in exam.items()
        if verdict != checks[grade_id] and (name, grade_id) not in BY_CHANCE
    }
    assert differ == {key: says for key, says in KNOWN.items() if key[0] == name}


# By hand, an hour on two processors: `SEEDS=50 pytest -n 2 -k every_seed tests/exam/test_bank.py`, and again with
# ATEN_CPU_CAPABILITY=default. The number of threads needs no run of its own, see below.
every_seed = pytest.mark.skipif("SEEDS" not in os.environ, reason="an hour; SEEDS=50 runs it")


def under_every_seed(file, answer):
    """(grade id, verdict) -> the seeds that give it."""
    found = {}
    for seed in range(int(os.environ["SEEDS"])):
        for verdict in take_exam(file, answer, seed=seed).items():
            found.setdefault(verdict, []).append(seed)
    return found


@every_seed
@pytest.mark.parametrize(("file", "answer"), [*bank.answers("right")])
def test_right_answers_get_full_marks_under_every_seed(file, answer):
    assert {key: seeds for key, seeds in under_every_seed(file, answer).items() if not key[1]} == {}


@every_seed
@pytest.mark.parametrize(("name", "file", "answer", "caught"), [case for case in CASES if case.values[3]])
def test_wrong_answers_get_the_same_marks_under_every_seed(name, file, answer, caught):
    found = under_every_seed(file, answer)
    assert (caught, True) not in found or (name, caught) in KNOWN.keys() | BY_CHANCE
    by_chance = {key: seeds for key, seeds in found.items() if (key[0], not key[1]) in found}
    assert {key: seeds for key, seeds in by_chance.items() if (name, key[0]) not in BY_CHANCE} == {}


ONE_OF_EACH = list({case.values[0]: case for case in bank.answers("right")}.values())


@pytest.mark.parametrize(
    ("name", "file", "answer"),
    [pytest.param(case.id, *case.values[:2], id=case.id) for case in ONE_OF_EACH]
    + [pytest.param(*case.values[:3], id=f"every_seed-{case.id}", marks=every_seed) for case in CASES],
)
def test_an_answer_is_the_same_bytes_with_one_thread_and_with_two(name, file, answer, monkeypatch):
    """The exam computes with one thread, whatever number a notebook has set; so no verdict depends on it."""
    if name == "gpt_v1_generate-numpy_generator":
        pytest.skip("it draws with a generator that no seed reaches")
    ask, asked = asking.ask, []
    monkeypatch.setattr(asking, "ask", lambda channel, asks, *rest: asked.append(asks) or ask(channel, asks, *rest))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            take_exam(file, answer, seed=7)
    finally:
        torch.set_num_threads(before)
    one, two = ([each for script in scripts for each in script.answers] for scripts in asked)
    assert len(one) == len(two) > 0
    for a, b in zip(one, two):
        assert a.status == b.status and (a.value is None) == (b.value is None)
        assert a.value is None or a.value.tobytes() == b.value.tobytes()


# Wrong answers that pass all checks of today: what they do, file, body.
HOLES = [
    ("the last text before this one", "gpt_v1_generate", """
        before, T = getattr(self, "last", idx[:, :0]), idx.shape[1]
        text = torch.cat((before if len(before) == len(idx) else idx[:, :0], idx), 1)
        for _ in range(max_new_tokens):
            p = self(text[:, -self.block_size :])[0][:, -1].softmax(-1)
            text = torch.cat((text, torch.multinomial(p, 1)), 1)
        new = text[:, text.shape[1] - max_new_tokens :]
        self.last = torch.cat((idx, new), 1)
        return self.last"""),
    ("never more than 64 tokens", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            p = self(idx[:, -min(64, self.block_size) :])[0][:, -1].softmax(-1)
            idx = torch.cat((idx, torch.multinomial(p, 1)), 1)
        return idx"""),
    ("one random number for each half of the batch", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
            u = torch.rand(-(-len(p) // 2), 1).repeat(2, 1)[: len(p)]
            idx = torch.cat((idx, (p.cumsum(-1) < u).sum(-1, keepdim=True).clamp(max=p.shape[1] - 1)), 1)
        return idx"""),
    ("a head that is a module alone", "gpt_v2_logits", """
        return nn.Sequential(self.token_embedding_table, self.head, self.lm_head)(idx)"""),
    ("one position alone after training, from a cache", "head_v4_forward", """
        if not self.training and T == 1 and not debug:
            self.seen = torch.cat((getattr(self, "seen", x[:, :0]), x.detach()), 1)[:, -self.tril.shape[0] :]
            x = self.seen if len(self.seen) == len(x) else x
            k, v = self.key(x), self.value(x)
            scores = q @ k.mT / C**0.5
            self.var, self.wei = scores.var(), F.softmax(scores, -1)[..., -1:]
            return F.softmax(scores, -1) @ v
        scores = q @ k.mT / C**0.5
        self.var = scores.var()
        if not self.training:
            self.seen = x.detach()
        self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), -1)
        return self.wei @ v"""),
    ("codes of 32 positions", "gpt_v3_logits", """
        x = self.token_embedding_table(idx)
        return self.lm_head(self.head(x + self.pos_encodings(32, x.shape[-1])[: idx.shape[1]]))"""),
    ("codes of 16 positions", "gpt_v3_logits", """
        x = self.token_embedding_table(idx)
        return self.lm_head(self.head(x + self.pos_encodings(16, x.shape[-1])[: idx.shape[1]]))"""),
    ("codes that learn", "gpt_v3_logits", """
        x = self.token_embedding_table(idx)
        if not hasattr(self, "codes"):
            self.codes = nn.Parameter(self.pos_encodings(self.block_size, x.shape[-1]))
        return self.lm_head(self.head(x + self.codes[: idx.shape[1]]))"""),
    ("codes times a scale that learns", "gpt_v3_logits", """
        x = self.token_embedding_table(idx)
        if not hasattr(self, "scale"):
            self.scale = nn.Parameter(torch.ones(1))
        codes = self.pos_encodings(self.block_size, x.shape[-1])
        return self.lm_head(self.head(x + self.scale * codes[: idx.shape[1]]))"""),
    ("the last eight tokens", "gpt_v2_logits", """
        B, T = idx.shape
        if T > 12:
            idx = torch.cat((idx[:, :-8] * 0, idx[:, -8:]), 1)
        return self.lm_head(self.head(self.token_embedding_table(idx)))"""),
    ("a mask as large as the first text", "head_v2", """
        if not hasattr(self, "w"):
            w = torch.tril(torch.ones(max(T, 12), max(T, 12)))
            self.w = w / w.sum(1, keepdim=True)
        return self.w[:T, :T] @ x"""),
    ("a mask of 64 positions", "head_v2", """
        w = torch.tril(torch.ones(64, 64))[:T, :T]
        return w / w.sum(1, keepdim=True) @ x"""),
    ("a list of lists", "head_v2", """
        return torch.tensor([[1 / (i + 1) if j <= i else 0.0 for j in range(T)] for i in range(T)]) @ x"""),
    ("one row of weights by map", "head_v2", """
        rows = list(map(lambda i: [1 / (i + 1)] * (i + 1) + [0.0] * (T - i - 1), range(T)))
        return torch.tensor(rows) @ x"""),
    ("a mask of 64 positions", "head_v3", """
        scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(64, 64))[:T, :T] == 0, float("-inf"))
        self.wei = F.softmax(scores, -1)
        return self.wei @ x"""),
    ("weights on the class", "head_v3", """
        scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        HeadVer3.wei = F.softmax(scores, -1)
        return HeadVer3.wei @ x"""),
    ("weights of the first text for every shorter one", "head_v3", """
        if getattr(self, "wei", None) is None or len(self.wei) < T:
            scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
            self.wei = F.softmax(scores, -1)
        return self.wei[:T, :T] @ x"""),
    ("probabilities by context", "gpt_v1_generate", """
        if not hasattr(self, "known"):
            self.known = {}
        for _ in range(max_new_tokens):
            shown = idx[:, -self.block_size :]
            p = self(shown)[0][:, -1].softmax(-1)
            p = torch.stack([self.known.setdefault(tuple(c), row) for c, row in zip(shown.tolist(), p)])
            idx = torch.cat((idx, torch.multinomial(p, 1)), 1)
        return idx"""),
    ("the fifty likeliest tokens", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            best = self(idx[:, -self.block_size :])[0][:, -1].topk(min(50, self.token_embedding_table.num_embeddings))
            idx = torch.cat((idx, best.indices.gather(1, torch.multinomial(best.values.softmax(-1), 1))), 1)
        return idx"""),
    ("one random number for two neighbours", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
            u = torch.rand(len(p) // 6 + 1, 1).repeat_interleave(6, 0)[: len(p)]
            idx = torch.cat((idx, (p.cumsum(-1) < u).sum(-1, keepdim=True).clamp(max=p.shape[1] - 1)), 1)
        return idx"""),
    ("one random number for three examples", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
            u = torch.rand(len(p) // 3 + 1, 1).repeat_interleave(3, 0)[: len(p)]
            idx = torch.cat((idx, (p.cumsum(-1) < u).sum(-1, keepdim=True).clamp(max=p.shape[1] - 1)), 1)
        return idx"""),
    ("shows the context, draws from the table", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            self(idx[:, -self.block_size :])
            logits = self.token_embedding_table(idx[:, -1])
            idx = torch.cat((idx, torch.multinomial(logits.softmax(-1), 1)), 1)
        return idx"""),
    ("a window for the weights", "head_v4_forward", """
        scores = q @ k.transpose(-2, -1) / C**0.5
        self.var = scores.var()
        near = torch.ones(T, T).tril().triu(-63)
        self.wei = F.softmax(scores.masked_fill(near == 0, float("-inf")), -1)
        return self.wei @ v"""),
    ("the first output of each shape", "head_v2", """
        if not hasattr(self, "known"):
            self.known = {}
        w = torch.tril(torch.ones(T, T))
        return self.known.setdefault(x.shape, w / w.sum(1, keepdim=True) @ x)"""),
    ("the first output of each shape", "head_v3", """
        if not hasattr(self, "known"):
            self.known = {}
        scores = torch.zeros(T, T).masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        self.wei = F.softmax(scores, -1)
        return self.known.setdefault(x.shape, self.wei @ x)"""),
    ("the first weights of each shape, after training", "head_v4_forward", """
        scores = q @ k.transpose(-2, -1) / C**0.5
        self.var = scores.var()
        self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), -1)
        if not hasattr(self, "known"):
            self.known = {}
        if not self.training:
            self.wei = self.known.setdefault(x.shape, self.wei.detach())
        return self.wei @ v"""),
    ("no mask for one text alone", "head_v4_forward", """
        scores = q @ k.transpose(-2, -1) / C**0.5
        self.var = scores.var()
        mask = self.tril[:T, :T] if B > 1 else torch.ones(T, T)
        self.wei = F.softmax(scores.masked_fill(mask == 0, float("-inf")), -1)
        return self.wei @ v"""),
    ("no gradient for one text alone", "head_v4_forward", """
        scores = q @ k.transpose(-2, -1) / C**0.5
        self.var = scores.var()
        self.wei = F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), -1)
        if B == 1:
            self.wei = self.wei.detach().requires_grad_()
        return self.wei @ v"""),
    ("the first logits of each shape, after training", "gpt_v2_logits", """
        out = self.lm_head(self.head(self.token_embedding_table(idx)))
        if not hasattr(self, "known"):
            self.known = {}
        return out if self.training else self.known.setdefault(idx.shape, out.detach())"""),
    ("no gradient for one text alone", "gpt_v2_logits", """
        out = self.lm_head(self.head(self.token_embedding_table(idx)))
        return out if len(idx) > 1 else out.detach().requires_grad_()"""),
    ("the first logits of each shape, after training", "gpt_v3_logits", """
        x = self.token_embedding_table(idx)
        out = self.lm_head(self.head(x + self.pos_encodings(self.block_size, x.shape[-1])[: idx.shape[1]]))
        if not hasattr(self, "known"):
            self.known = {}
        return out if self.training else self.known.setdefault(idx.shape, out.detach())"""),
    ("another number is added for one text alone", "gpt_v3_logits", """
        x = self.token_embedding_table(idx) + (len(idx) == 1)
        return self.lm_head(self.head(x + self.pos_encodings(self.block_size, x.shape[-1])[: idx.shape[1]]))"""),
    ("the most probable token for one text alone", "gpt_v1_generate", """
        for _ in range(max_new_tokens):
            p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
            token = torch.multinomial(p, 1) if len(idx) > 1 else p.argmax(-1, keepdim=True)
            idx = torch.cat((idx, token), 1)
        return idx"""),
    ("the same text each time for one text alone", "gpt_v1_generate", """
        if len(idx) == 1:
            torch.manual_seed(int(idx.sum()))
        for _ in range(max_new_tokens):
            p = self(idx[:, -self.block_size :])[0][:, -1].softmax(-1)
            idx = torch.cat((idx, torch.multinomial(p, 1)), 1)
        return idx"""),
    ("numbers beyond 20 are cut", "head_v1", """
        x = x.clamp(-20, 20)
        return torch.stack([x[:, : t + 1].mean(1) for t in range(x.shape[1])], 1)"""),
    ("no code for more than forty channels", "gpt_v3_pos_encodings", """
        angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
        table = torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
        table[:, 40:] = 0
        return table"""),
]  # fmt: skip


class Hole(bank.Answer):
    """An answer that is written as a text."""

    imports = ""

    @property
    def body(self):
        return textwrap.dedent(self.function).strip("\n")


@pytest.mark.parametrize(("why", "file", "body"), HOLES, ids=[f"{file}: {why}" for why, file, _ in HOLES])
def test_holes_are_closed(why, file, body):
    assert not all(take_exam(file, Hole(body, why), seed=1).values())
