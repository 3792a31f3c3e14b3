"""Simulated teachers: datasets become events, lessons and exams."""
