"""Matching: pairs and sets of patients whose covariates are close."""
