"""What belongs to week1 alone: its checks."""
