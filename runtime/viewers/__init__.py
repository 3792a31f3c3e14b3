"""What a run perceives, learns and evokes, for the viewer rerun: while it goes on, or afterwards as a file."""
