"""A map of the test texts: similar texts are near each other."""
