"""Effects estimated with weights: their variances know that the weights were estimated."""
