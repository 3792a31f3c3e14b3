"""Benchmarks: every figure that the pages state, one program each, over two shared parts: trials and cells."""
