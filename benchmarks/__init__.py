"""What a benchmark needs: the scripts of this folder print figures and are no tests."""
