"""Browsers that share their microphone and camera with a run, and are told what is perceived of them."""
