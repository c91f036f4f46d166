"""Search engines without network access: how requests are built, and how responses are parsed."""
