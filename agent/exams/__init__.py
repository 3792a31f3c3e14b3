"""Exams of what has been learned, the judges that grade them, and the sheets that show them."""
