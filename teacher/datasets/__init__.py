"""Datasets that a teacher machine replays."""
