"""Checks of the templates: what the app needs, what each template gives, and whether they agree.

`python -m scripts.infra` runs them all (see `make infra`); `python -m scripts.infra parity` prints the parity table.
"""
