"""How week1 is graded. Its checks, which a learner reads, are in learngpt/week1."""
