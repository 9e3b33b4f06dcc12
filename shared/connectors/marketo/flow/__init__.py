"""Self-service flow steps: what Marketo's campaigns ask of this app, and what it is told back."""
