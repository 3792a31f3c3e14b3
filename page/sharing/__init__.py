"""Browsers share their microphone and camera: their messages are passed on to the sensors."""
