"""Exact resume: a run that was stopped continues bit for bit."""
