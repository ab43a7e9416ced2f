"""Grade a whole class: `python -m learngpt.grader week1`."""

if __name__ == "__main__":  # workers import this module too, and need none of nbgrader
    from learngpt.grader.classroom import GradeClass

    GradeClass.launch_instance()
