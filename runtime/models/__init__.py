"""The model repository: names, versions and aliases, on disk and in memory."""
