"""Tables as the screens show them."""
