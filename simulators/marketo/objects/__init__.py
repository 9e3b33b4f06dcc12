"""Companies, opportunities, roles, sales persons and custom objects: one interface for all."""
