"""Propensity scores, balancing weights, and what estimating them does to the effects."""
