"""What the report's page is made of: its looks and script, the coloured table, the figure with values, the pictures."""

__all__: list[str] = []
