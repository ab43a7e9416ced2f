"""Make yujeong.txt, a Korean novel, from the Debian package `php-faker` 1.20.0.

    apt-get download php-faker=1.20.0+dfsg-1
    dpkg-deb -x php-faker_1.20.0+dfsg-1_all.deb php-faker
    python make_yujeong.py php-faker/usr/share/php/Faker/Provider/ko_KR/Text.php

The package makes sentences for tests from it. README.md says where the text comes from and who may use it.
"""

import hashlib
import re
import sys
import unicodedata
from pathlib import Path

NOVEL = re.compile(r"<<<'EOT'\n(.*?\n)EOT;", re.DOTALL)

# What got lost or in when the novel was typed, put together from its parts and copied.
REPAIRS = (
    (r"\([^()]*[\u4e00-\u9fff][^()]*\)", ""),  # a name once more in Chinese characters, which occur nowhere else
    (r"유 정유 정$", ""),  # the title of a part, at the end of the line before it
    (r"`", "'"),  # opening quotation mark
    (r"\*", "·"),  # between two names
    (r" +(?=[.,])", ""),
    (r'""', '"\n"'),  # speech stands on a line of its own
    (r'(?<=[.,?!])(?="[^"\n]*"$)', "\n"),
    (r"(?<=[.?!])(?=[A-Z가-힣])", "\n"),
)


def main(source):
    text = unicodedata.normalize("NFC", NOVEL.search(Path(source).read_text(encoding="utf-8"))[1])
    for wrong, right in REPAIRS:
        text = re.sub(wrong, right, text, flags=re.MULTILINE)
    target = Path(__file__).with_name("yujeong.txt")
    target.write_text(text, encoding="utf-8", newline="\n")
    print(f"{target.name}: {len(text):,} characters, {len(set(text)):,} different, {len(text.encode()):,} bytes")
    print("".join(sorted(set(text))).replace("\n", "\\n"))
    print("sha256", hashlib.sha256(text.encode()).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
