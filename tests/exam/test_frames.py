"""Whatever sits at the other end: the exam ends in time, knows what came, and holds no more than it asked for."""

import contextlib
import json
import os
import random
import resource
import socket
import struct
import time

import numpy as np
import pytest
import torch

from learngpt_teaching.exam import DTYPES, HEADER, MAGIC, Status, answering, asking, keyed_logits
from learngpt_teaching.week1.exam import EXAMS
from tests.exam.kernel import with_child

SECONDS = 1.0
NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


def asked():
    """A question with three answers: two tensors (2, 3) and a bool."""
    script = asking.Script(seed=0)
    tensor = script.tensor(NUMBERS)
    script.answer(tensor, (2, 3))
    script.answer(tensor, (2, 3), asking.FLOAT)
    script.answer(script.gradients_on(), (), asking.BOOL)
    return script


class Answering:
    """The other end, written anew for what no honest one does."""

    def __init__(self, channel):
        self.channel = channel
        [length] = struct.unpack("<Q", channel.recv(8, socket.MSG_WAITALL))
        self.plan = json.loads(channel.recv(length, socket.MSG_WAITALL))
        self.nonce = bytes.fromhex(self.plan["nonce"])
        self.frames = [self.frame(0), self.frame(1), self.frame(2, dtype="bool", shape=(), body=b"\1")]

    def frame(self, number, dtype="float32", shape=(2, 3), body=None, status=Status.OK, **other):
        names = other.get("magic", MAGIC), other.get("nonce", self.nonce), other.get("question", 0)
        code = list(DTYPES).index(dtype) if dtype in DTYPES else dtype
        header = HEADER.pack(*names, number, status, code, len(shape), *(*shape, 0, 0, 0, 0)[:4])
        return header + (NUMBERS.tobytes() if body is None else body)


def sends(*change):
    """Send the right frames, but those of `change`: number -> arguments of another frame, or bytes."""

    def answers(channel):
        end = Answering(channel)
        for number, right in enumerate(end.frames):
            other = change[number] if number < len(change) else {}
            channel.sendall(other if isinstance(other, bytes) else end.frame(number, **other) if other else right)

    return answers


def ends_early(channel):
    channel.sendall(Answering(channel).frames[0])


def cuts_a_frame(channel):
    channel.sendall(Answering(channel).frames[0][:-3])


def replays(channel):
    end = Answering(channel)
    channel.sendall(end.frames[0] + end.frames[0] + end.frames[2])


def turns_around(channel):
    channel.sendall(b"".join(reversed(Answering(channel).frames)))


def trickles(channel):
    for byte in b"".join(Answering(channel).frames):
        channel.sendall(bytes([byte]))
        time.sleep(0.05)


def never_ends(channel):
    Answering(channel)
    while True:
        channel.sendall(bytes(1 << 16))


def goes_on_after_the_end(channel):
    end = Answering(channel)
    channel.sendall(b"".join(end.frames))
    while True:
        channel.sendall(b"".join(end.frames))


CASES = {
    "right": (sends(), "complete", [True, True, True]),
    "nothing at all": (lambda channel: None, "closed", [None] * 3),
    "ends early": (ends_early, "closed", [True, None, None]),
    "cuts a frame": (cuts_a_frame, "closed", [None] * 3),
    "stays silent": (lambda channel: time.sleep(60), "late", [None] * 3),
    "reads, then stays silent": (lambda channel: Answering(channel) and time.sleep(60), "late", [None] * 3),
    "trickles": (trickles, "late", [None] * 3),
    "never ends": (never_ends, "broken", [None] * 3),
    "goes on after the end": (goes_on_after_the_end, "complete", [True, True, True]),
    "another magic": (sends({"magic": b"evil"}), "broken", [None] * 3),
    "another nonce": (sends({"nonce": bytes(16)}), "broken", [None] * 3),
    "another question": (sends({"question": 1}), "broken", [None] * 3),
    "replays": (replays, "broken", [True, None, None]),
    "turns around": (turns_around, "broken", [None] * 3),
    "another status": (sends({}, {"status": 77}), "broken", [True, None, None]),
    "huge": (sends({"shape": (2**31, 2**31)}), "broken", [None] * 3),
    "another shape": (sends({"shape": (3, 2)}), "broken", [None] * 3),
    "more dimensions": (sends({"shape": (2, 3, 1)}), "broken", [None] * 3),
    "another dtype": (sends({"dtype": "int32"}), "broken", [None] * 3),
    "no dtype": (sends({"dtype": 200}), "broken", [None] * 3),
    "a dtype that this answer may not have": (
        sends({}, {"dtype": "float64", "body": bytes(48)}), "broken", [True, None, None],
    ),
    "a dtype that it may have": (sends({"dtype": "float64", "body": bytes(48)}), "complete", [False, True, True]),
    "a failure with a body": (sends({"status": Status.FAILED}), "broken", [None] * 3),
    "a failure": (
        sends({"status": Status.FAILED, "dtype": "float32", "shape": (), "body": b""}), "complete", [False, True, True],
    ),
    "nan": (sends({"body": np.float32([np.nan] * 6).tobytes()}), "complete", [False, True, True]),
    "inf": (sends({}, {"body": np.float32([np.inf] * 6).tobytes()}), "complete", [True, False, True]),
    "a bool of 2": (sends({}, {}, {"dtype": "bool", "shape": (), "body": b"\2"}), "complete", [True, True, False]),
    "text": (sends(b"Traceback (most recent call last): \x1b[2J" * 100), "broken", [None] * 3),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_other_end_ends_in_time(case):
    answers, ending, came = CASES[case]
    script = asked()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert with_child(answers, lambda channel: asking.ask(channel, [script], SECONDS)) == ending
    assert time.monotonic() - start < SECONDS + 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    # True: right numbers, False: no right ones came, None: nothing came
    rights = (NUMBERS, NUMBERS, True)
    found = [
        None if answer.status is None else answer.value is not None and bool((answer.value == right).all())
        for answer, right in zip(script.answers, rights)
    ]
    assert found == came


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_never_an_answer(seed):
    def answers(channel):
        end = Answering(channel)
        data = bytearray(b"".join(end.frames))
        noise = random.Random(seed)
        for _ in range(noise.randint(1, 40)):  # in a header
            data[noise.randrange(HEADER.size)] = noise.randrange(256)
        channel.sendall(data)

    script = asked()
    ending = with_child(answers, lambda channel: asking.ask(channel, [script], SECONDS))
    assert ending in ("broken", "closed", "complete")
    assert script.answers[0].value is None or (script.answers[0].value == NUMBERS).all()


EXTREMES = {
    "zeros": (0, 0.0), "ones": (1, 1.0), "negative": (-1, -1.0), "large": (2**31 - 1, 3e38), "tiny": (0, 1e-45),
}  # fmt: skip


@pytest.mark.parametrize("extreme", EXTREMES)
def test_no_number_stops_a_comparison(extreme):
    """Of the right shape and kind, but such as no right answer has: every verdict is there, and it is no.

    Who needs no loop may be wrong otherwise; that costs other points.
    """
    integer, real = EXTREMES[extreme]

    def answers(channel):
        end = Answering(channel)
        left = sum(int(np.prod(shape)) * DTYPES[dtype] for dtype, shape in end.plan["tensors"])
        while left:
            left -= len(channel.recv(min(left, 1 << 20)))
        for question, asked in enumerate(end.plan["questions"]):
            wanted = [arguments[1:] for step, arguments, _ in asked["steps"] if step == "answer"]
            for number, (shape, dtypes) in enumerate(wanted):
                value = {"b": integer == 1, "i": integer, "f": real}[dtypes[0][0]]
                body = np.full(shape, value, dtypes[0]).tobytes()
                channel.sendall(end.frame(number, dtypes[0], shape, body, question=question))

    result = with_child(answers, lambda channel: asking.take(channel, EXAMS, list(EXAMS), seed=1, seconds=20))
    assert result.ending == "complete"
    assert {grade_id for grade_id, verdict in result.verdicts.items() if verdict} <= {
        "head_v2_operations_do_not_grow_with_b_and_t",
        "head_v3_needs_no_loop",
    }


def test_who_never_reads_is_late_too():
    script = asking.Script(seed=0)
    script.answer(script.tensor(np.zeros((2000, 2000))), (2000, 2000))
    assert with_child(lambda channel: time.sleep(60), lambda channel: asking.ask(channel, [script], 0.5)) == "late"


def with_names(namespace, script):
    """How an exam of one script ends, answered by the kernel's side with these names."""
    return with_child(
        lambda channel: answering.answer(channel, namespace), lambda channel: asking.ask(channel, [script], 20)
    )


def called(function, shape=(2, 3), **options):
    """The status of the answer that a student's function gives."""
    script = asking.Script(seed=0)
    answer = script.answer(script.call(script.look("function")), shape, **options)
    after = script.answer(script.tensor(NUMBERS), (2, 3))
    assert with_names({"function": function}, script) == "complete"
    assert (after.value == NUMBERS).all()  # the next one is answered in any case
    return answer.status


def test_status_says_why_there_is_no_value():
    def stops():
        raise SystemExit

    def interrupts():
        raise KeyboardInterrupt

    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *arguments, **named):
            return torch.zeros(2, 3)

    assert called(lambda: torch.zeros(2, 3)) == Status.OK
    assert called(lambda: torch.zeros(3, 2)) == Status.SHAPE
    assert called(lambda: torch.zeros(2, 3).half()) == Status.KIND
    assert called(lambda: [[0.0] * 3] * 2) == Status.KIND
    assert called(lambda: None) == Status.MISSING
    assert called(None) == Status.MISSING
    assert called(lambda: 1 / 0) == Status.FAILED
    assert called(stops) == called(interrupts) == Status.FAILED
    assert called(lambda: torch.zeros(2, 3, device="meta")) == Status.FAILED
    assert called(lambda: torch.zeros(3, 4).as_subclass(Liar)) == Status.SHAPE


def test_whoever_ends_the_process_closes_the_connection():
    script = asking.Script(seed=0)
    first = script.answer(script.tensor(NUMBERS), (2, 3))
    second = script.answer(script.call(script.look("ends")), (2, 3))
    assert with_names({"ends": lambda: os._exit(0)}, script) == "closed"
    assert first.status == Status.OK and second.status is None


@pytest.mark.parametrize("does", ["nothing", "much"])
def test_one_call_that_never_ends_costs_its_own_class_only(does):
    def never():
        while True:
            with contextlib.suppress(Exception):
                time.sleep(60) if does == "nothing" else sum(range(1000))

    def busy_machine():  # it computes a little, again and again, for longer than anything may take
        for _ in range(10):
            time.sleep(0.15)
            end = time.process_time() + 0.02
            while time.process_time() < end:
                pass
        return torch.tensor(1.0)

    scripts = []
    for name in ("never", "never", "slow"):
        script = asking.Script(seed=0)
        script.answer(script.call(script.look(name)), ())
        scripts.append(script)
    names = {"never": never, "slow": busy_machine}
    ending = with_child(
        lambda channel: answering.answer(channel, names), lambda channel: asking.ask(channel, scripts, 20, 0.6, 0.6)
    )
    assert ending == "complete"
    assert [script.answers[0].status for script in scripts] == [Status.LATE, Status.LATE, Status.OK]


def test_an_exam_that_wasnt_answered_has_no_verdict():
    def exam(draw):
        script = draw.script()
        answer = script.answer(script.call(script.look("f")), ())
        yield [script]
        return answer.value is not None

    def answers(channel):
        answering.answer(channel, {"f": lambda: os._exit(1)})

    result = with_child(answers, lambda channel: asking.take(channel, {"a": exam, "b": exam}, ["a", "b"], seed=3))
    assert (result.seed, result.ending, result.verdicts) == (3, "closed", {"a": None, "b": None})


def test_the_same_seed_asks_the_same_again():
    one, two, other = (asking.Draw(seed, "a") for seed in (5, 5, 6))
    sizes = [draw.sizes(range(2, 9), range(2, 9), range(10, 30)) for draw in (one, two, other)]
    numbers = [draw.normal(50) for draw in (one, two, other)]
    assert sizes[0] == sizes[1] and (numbers[0] == numbers[1]).all() and (numbers[0] != numbers[2]).any()


def test_both_sides_have_the_same_keyed_logits():
    key, shown = asking.Draw(1, "").key(), np.arange(12).reshape(2, 6) % 5
    columns = [shown[:, [t]] for t in range(6)]
    ours = np.stack(keyed_logits(columns, key, np.arange(5)), 1)
    theirs = answering._Keyed(key, 5)(torch.from_numpy(shown))
    assert np.abs(ours - theirs.numpy()).max() < 1e-6
    shorter = np.stack(keyed_logits(columns[:-1], key, np.arange(5)), 1)
    assert np.abs(ours[:, :-1] - shorter).min(-1).max() > 1e-3  # the number of tokens counts
