"""The live sensors of a run: local sources and robots, sent on to replay."""
