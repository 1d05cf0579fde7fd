"""What a comparison does besides its noise levels, and how long that will take."""

__all__: list[str] = []
