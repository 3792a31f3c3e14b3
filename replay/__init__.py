"""Replay: durable tables of events, sampled by the learner."""
