"""What a loaded dataset is: samples, utterances, folds, the exam set, and the report of what was left out."""
