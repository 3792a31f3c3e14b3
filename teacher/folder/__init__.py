"""The files of a user's folder, `DIR/<sense>/<concept>/<files>`: found, matched, split, prepared and reported."""
