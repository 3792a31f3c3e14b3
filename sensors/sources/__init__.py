"""Sources of sound and of recorded sessions, the read loop of all sources, the recorder, and the loudspeaker."""
