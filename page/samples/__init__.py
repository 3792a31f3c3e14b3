"""Samples that viewers send or are shown: uploads, formats, references, stored events, exam results, questions."""
