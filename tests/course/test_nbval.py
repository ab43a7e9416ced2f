"""nbval replays notebooks/ with other kernels of PyTorch's than this processor's own."""

import os
import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.support.processors import OTHER_PROCESSORS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("capability", OTHER_PROCESSORS)
def test_solved_notebooks_replay_with_cpu_capability(capability):
    command = [sys.executable, "-m", "pytest", "-q", "notebooks"]
    environment = os.environ | {"ATEN_CPU_CAPABILITY": capability}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
