"""Other processors than this one, as far as PyTorch can play them."""

import torch

# PyTorch's kernels for other processors, as ATEN_CPU_CAPABILITY names them; all other tests run this one's own.
OTHER_PROCESSORS = [name for name in ("default", "avx2") if name != torch.backends.cpu.get_cpu_capability().lower()]
