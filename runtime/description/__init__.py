"""What the server says of itself: OpenAPI, and a page for people."""
