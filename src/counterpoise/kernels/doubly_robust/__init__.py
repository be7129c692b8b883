"""Effects that are right if either the score or the model of the outcome is."""
