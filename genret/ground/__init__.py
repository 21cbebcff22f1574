"""What every room stands on: types, errors, settings, artifacts. Imports no other room."""
