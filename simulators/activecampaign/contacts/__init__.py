"""Contacts: the store, the list query, the rules and the resource."""
