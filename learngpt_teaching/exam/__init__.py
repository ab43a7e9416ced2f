"""The exam: a trusted process asks, a copy of the student's kernel answers, and only the trusted process compares.

`asking` is the trusted side, `answering` the side in the kernel. Neither knows a lesson: a lesson writes scripts of
steps ("make an object of this class, call it on this tensor") and compares the raw tensors that come back. What both
sides must know stands here: the frame of an answer, and a table of logits that each can compute.

An answer is a header of fixed length and, where its status is OK, the bytes of one tensor. Its place in the script
says which shape and which dtypes it may have, so its length is known before a byte of it is read. There is no text in
it, and nothing is unpickled.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

MAGIC = b"exam"
# magic, nonce of the exam, number of the question, number of the answer, status, dtype, dimensions, four sizes
HEADER = struct.Struct("<4s16sHHBBB4I")
DTYPES = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "bool": 1}  # name -> bytes of one number
MOST_DIMENSIONS = 4


class Status(IntEnum):
    OK = 0
    FAILED = 1  # the student's code stopped with an error, in this step or in one that it stands on
    MISSING = 2  # there is no such name, or it is None
    KIND = 3  # not a tensor, or one of another dtype
    SHAPE = 4
    LATE = 5  # the student's code took too long for one call


PRIME = 2**31 - 1


def keyed_logits(columns: Sequence[Any], key: Sequence[int], tokens: Any, spread: float = 2.5) -> list[Any]:
    """Logits that depend on every token shown, on their order and on their number; without the key nobody knows them.

    It only multiplies, adds and takes remainders, so that NumPy and torch, which both can be given, agree to the bit.

    Args:
        columns: the T tokens shown, each (B, 1) int64.
        key: four numbers below PRIME.
        tokens: (V,) int64, 0 to V - 1.

    Returns:
        T arrays (B, V) of floats between -spread and spread: the logits after each position.
    """
    first, factor, step, stride = key
    state = columns[0] * 0 + first * len(columns) % PRIME  # (B, 1)
    logits = []
    for column in columns:
        state = (state * factor + column + step) % PRIME
        mixed = (state + (tokens + 1) * stride) % PRIME  # (B, V)
        mixed = (mixed * mixed % PRIME + state * factor) % PRIME
        logits.append((mixed * 2.0 / PRIME - 1.0) * spread)
    return logits
