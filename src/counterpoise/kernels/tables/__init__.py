"""Tests and intervals for tables of counts and means."""
