"""Imports from files and exports to files."""
