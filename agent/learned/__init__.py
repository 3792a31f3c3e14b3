"""What a run has learned, for other programs: a saved run that is loaded, or a live one that is asked over HTTP."""
