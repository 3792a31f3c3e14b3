"""From a stream to percepts: utterances are cut out of sound, views out of pictures."""
