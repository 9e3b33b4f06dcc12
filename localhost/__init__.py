"""Our local Azure Functions host around Microsoft's Python worker library; for development, demo and tests only."""
