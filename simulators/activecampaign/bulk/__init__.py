"""Bulk import: what is taken, when it runs, what becomes of each contact."""
