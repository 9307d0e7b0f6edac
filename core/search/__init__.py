"""Many runs from one request."""
