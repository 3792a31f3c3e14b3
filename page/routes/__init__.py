"""What the page answers, by what it is for: to watch, to ask, to look into what is known, to command."""
