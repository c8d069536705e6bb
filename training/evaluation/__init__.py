"""What `npm run eval` measures: a module a section, each with `measure(setting) -> dict` and `table(result) -> str`."""
