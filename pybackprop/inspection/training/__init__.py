"""Looks at a training before it starts and while it goes on."""
