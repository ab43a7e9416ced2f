"""What belongs to the assignment week1 alone."""
