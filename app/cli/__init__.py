"""The commands behind ./carillon."""
