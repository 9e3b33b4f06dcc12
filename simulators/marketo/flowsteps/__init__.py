"""The caller's side of self-service flow steps: installing a provider, running campaigns through it, its callback."""
