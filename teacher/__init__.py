"""Simulated teachers: datasets, curricula and the machine that replays them as events."""
