"""What an instructor runs: the exam, and what gives each assignment its questions."""
