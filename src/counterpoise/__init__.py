"""Counterpoise: a patient table and a one-page plan in, a complete comparative survival study out."""
