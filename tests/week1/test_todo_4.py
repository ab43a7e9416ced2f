"""TODO 4 as plain pytest: HeadVer3."""

import pytest
import torch

from learngpt.instruments import operations


@pytest.fixture
def head(own):
    head = own("HeadVer3")()
    head(torch.randn(2, 6, 4))
    return head


def test_head_3_equals_the_loops(own):
    x = torch.randn(3, 7, 4)
    assert torch.allclose(own("HeadVer3")()(x), own("HeadVer1")()(x), atol=1e-6)


def test_head_3_needs_no_loop(own):
    counts = []
    for shape in ((2, 4, 3), (20, 40, 3)):
        with operations() as counted:
            own("HeadVer3")()(torch.randn(shape))
        counts.append(counted.count)
    assert counts[0] == counts[1]


def test_future_weights_are_zero(head):
    assert (head.wei.triu(1) == 0).all()


def test_rows_sum_to_one(head):
    assert torch.allclose(head.wei.sum(-1), torch.ones(6))
