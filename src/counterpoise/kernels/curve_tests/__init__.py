"""Tests that the curves of several groups are one."""
