"""The page: a run in the browser, and the interface over HTTP that other programs use."""
