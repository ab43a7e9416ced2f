"""The course in other languages: catalogues of its sentences, and the notebooks that are made with them.

English stands in source/ and in the code. translations/LANGUAGE has two kinds of catalogues: `program.po` for what the
program says, and one for the notebooks of each assignment. translations/README.md tells a translator how to work.
"""
