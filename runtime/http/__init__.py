"""HTTP itself: connections, bodies, deadlines, and how they end."""
