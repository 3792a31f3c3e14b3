"""Benchmarks: one program for every figure that the pages state."""
