"""Immortal time: rows and weights in which nobody is counted as treated before the treatment began."""
