"""Guardrails: plain-English rules compiled to a typed form, a CEL predicate and a canonical reading."""
