"""What is in a user's folder, `DIR/<sense>/<concept>/<files>`: found, matched, split, prepared and told."""
