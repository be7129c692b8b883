"""Survival curves, and what is read from them."""
