"""Servers that speak the vendors' contracts: our only vendors, since nobody has a tenant."""
