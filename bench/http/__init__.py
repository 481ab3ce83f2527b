"""Load over HTTP: what is sent, when, and how the answers came."""
