"""The screens. Pages read from dashboard.data, draw with dashboard.charts, and remember with dashboard.state."""
