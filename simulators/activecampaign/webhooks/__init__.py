"""Webhooks: registration, payloads and delivery."""
