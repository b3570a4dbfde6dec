"""The REST API under /api/v1. Signed in by `Authorization: Bearer`, so it needs no token against cross-site forms."""
