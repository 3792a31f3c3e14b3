"""What benchmarks share: cells, a job run from outside, staged live sensors, figures and grades."""
