"""The pages of docs/measured: one module a page, and what they share; ``scripts/measure`` makes them again."""
