"""Train the small GPT at the end of notebook 6 on the plays, and write gpt.safetensors.

python data/train_gpt.py
"""

import time
from pathlib import Path

from learngpt import load_text
from learngpt.carrying import take
from learngpt.week1.own_text import train

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    source = HERE.parent / "source" / "week1"
    start = time.perf_counter()
    train(load_text(), (take("HeadVer4", source), take("GPTVer3", source)), HERE / "gpt.safetensors", steps=3000)
    print(f"{time.perf_counter() - start:.0f} seconds.")
