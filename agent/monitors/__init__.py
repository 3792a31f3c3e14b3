"""Monitors hold exams while the learner goes on, and report the results."""
