"""The inbox's pages: rendered on the server, usable without JavaScript, signed in by cookies."""
