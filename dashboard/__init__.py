"""The dashboard: pages read from `dashboard.data` and share `dashboard.components`."""
