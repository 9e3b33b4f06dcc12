"""People: storing, finding, describing and changing them."""
