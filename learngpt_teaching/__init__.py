"""What an instructor runs: the sandbox, the marks, the way in and out of a class. Notebooks import none of it."""
