"""What belongs to week1 alone: which TODO each class is written for, and the checks."""

TODOS = {"GPTVer1": 1, "HeadVer1": 2, "GPTVer2": 2, "HeadVer2": 3, "HeadVer3": 4, "HeadVer4": 5, "GPTVer3": 6}
