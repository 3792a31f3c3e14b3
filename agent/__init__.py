"""The learner, its algorithms and networks, the exams of what it has learned, and its answers."""
