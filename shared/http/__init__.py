"""One way out to every vendor: time-outs, retries, budgets, pinned origins, redaction.

`session` holds the one `requests` session, `client` sends calls over it, `entra` gets tokens from Microsoft Entra ID.
Nothing here knows the API of any system.
"""
