"""The City's historical event files: looked through by DuckDB, written by delta-rs, no engine needed."""
