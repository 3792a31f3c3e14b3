"""The operating system's side: files, paths, output, signals, addresses, and where the program lies."""
