"""Make hangul.ttf: the Hangul of NanumGothic, out of the npm package `@expo-google-fonts/nanum-gothic` 0.4.0.

    npm pack @expo-google-fonts/nanum-gothic@0.4.0
    python make_hangul.py expo-google-fonts-nanum-gothic-0.4.0.tgz

It also copies the font's licence to OFL.txt. README.md says what the font holds and where it comes from.
"""

import hashlib
import io
import re
import sys
import tarfile
import unicodedata
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FONT, LICENCE = "package/400Regular/NanumGothic_400Regular.ttf", "package/LICENSE_FONT"
# The licence reserves the names that begin with Nanum for the original.
NAMES = {1: "learnGPT Hangul", 2: "Regular", 3: "learnGPT Hangul 1", 4: "learnGPT Hangul", 6: "learnGPT-Hangul"}
NAMES |= {13: "SIL Open Font License, Version 1.1", 14: "https://openfontlicense.org"}
KEPT = {0, 5, 8, 9, 11, 12}  # copyright, version, maker, designers and their addresses

WANTED = [
    *range(0xAC00, 0xD7A4),  # all 11,172 syllables
    *range(0x3131, 0x3164),  # jamo that stand alone
    *range(0x3000, 0x3040),  # 、。「」『』《》
    *range(0x3200, 0x3300),  # ㉠ ㉮ ㈀ ㈎
    *range(0xFF00, 0xFFF0),  # ！ Ａ ａ
]


def hangul(raw):
    """The subset, as bytes. Without hints: matplotlib draws at so many dots that they change nothing."""
    options = subset.Options(hinting=False, name_IDs=["*"])
    options.drop_tables += ["GPOS", "GSUB"]  # matplotlib lays out one letter beside the other
    font = TTFont(io.BytesIO(raw), recalcTimestamp=False)
    cut = subset.Subsetter(options)
    cut.populate(unicodes=WANTED)
    cut.subset(font)
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap |= joining(table.cmap)
    names = font["name"]
    names.names = [name for name in names.names if name.nameID in KEPT]
    for number, words in NAMES.items():
        names.setName(words, number, 3, 1, 0x409)  # Windows, Unicode, English
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def joining(cmap):
    """The jamo that make up a syllable, where a text is in decomposed form: each looks as the one that stands alone."""
    found = {}
    for code in range(0x1100, 0x1200):
        alone = re.sub(r"(CHO|JUNG|JONG)SEONG", "LETTER", unicodedata.name(chr(code)))
        try:
            found[code] = cmap[ord(unicodedata.lookup(alone))]
        except KeyError:  # a letter of older Korean
            continue
    return found


def main(archive):
    folder = Path(__file__).parent
    with tarfile.open(archive) as tar:
        font = hangul(tar.extractfile(FONT).read())
        licence = tar.extractfile(LICENCE).read()
    (folder / "hangul.ttf").write_bytes(font)
    (folder / "OFL.txt").write_bytes(licence)
    print(f"hangul.ttf: {len(font):,} bytes, {len(TTFont(io.BytesIO(font)).getBestCmap()):,} characters")
    print("sha256", hashlib.sha256(font).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
