"""Grade a whole class: `python -m learngpt.grader week1`."""

from learngpt.grader.classroom import GradeClass

if __name__ == "__main__":  # workers import this module too
    GradeClass.launch_instance()
