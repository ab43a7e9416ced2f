"""Grading that can be trusted: students' code runs contained, and the marks are written by one process outside."""
