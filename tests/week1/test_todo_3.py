"""TODO 3 as plain pytest: HeadVer2."""

import torch

from learngpt.instruments import operations


def test_head_2_equals_the_loops(own):
    x = torch.randn(3, 7, 4)
    assert torch.allclose(own("HeadVer2")()(x), own("HeadVer1")()(x), atol=1e-6)


def test_head_2_takes_as_many_operations_for_any_size(own):
    counts = []
    for shape in ((2, 4, 3), (20, 40, 3)):
        with operations() as counted:
            own("HeadVer2")()(torch.randn(shape))
        counts.append(counted.count)
    assert counts[0] == counts[1]
