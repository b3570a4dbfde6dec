"""The sandbox's file tree: which code and packages it holds, and the Docker image made of it."""
