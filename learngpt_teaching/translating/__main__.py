"""What a translator runs: see translations/README.md."""

import argparse
import sys
from pathlib import Path

from learngpt_teaching.course import CourseError
from learngpt_teaching.translating import catalogues

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m learngpt_teaching.translating")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("update", help="bring all catalogues up to date with the English; `make build` does it too")
    command = commands.add_parser("split", help="divide a catalogue into files for several people")
    command.add_argument("catalogue", type=Path)
    command.add_argument("parts", type=int)
    command.add_argument("folder", type=Path)
    command = commands.add_parser("merge", help="take translated files back into their catalogue")
    command.add_argument("catalogue", type=Path)
    command.add_argument("files", type=Path, nargs="+")
    asked = parser.parse_args()
    try:
        if asked.command == "update":
            for line in catalogues.bring_up_to_date(ROOT):
                print(line)
        elif asked.command == "split":
            for path, number in catalogues.split(asked.catalogue, asked.parts, asked.folder).items():
                print(f"{path}: {number} entries")
        else:
            taken, gone = catalogues.merge(asked.catalogue, asked.files)
            print(*gone, f"{taken} entries of {asked.catalogue} have a new translation.", sep="\n")
    except CourseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
