"""Proofs that the program keeps its promises: kills, stops, pairing, perception."""
