"""One run: command line, run directory, supervision, figures."""
