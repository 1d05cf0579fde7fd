"""What a network says of noise levels itself: those that it was trained on, and its own steps."""

__all__: list[str] = []
