"""How well speech is found in sound: boundaries, voice activity, sentences, and what different sounds give."""
