"""The sections of the report, one topic a file: each a function from a study and its numbers to blocks."""
