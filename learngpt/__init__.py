"""What the notebooks of learnGPT take on trust: the text, the training loop, the pictures and the checks.

Everything a learner has to understand stands in the notebooks themselves.
"""

import torch

from learngpt.carrying import carry
from learngpt.text import Text, load_text
from learngpt.training import evaluate, sample, train

__all__ = ["Text", "carry", "evaluate", "load_text", "sample", "train"]

# Models this small lose more by waiting for a second thread than they gain from it.
torch.set_num_threads(1)
