"""The web server and its application."""
