"""From the command line and the terminal to a run: arguments, environment variables, stop signals."""
