"""Cox's regression: fits, and what follows a fit."""
