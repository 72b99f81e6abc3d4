"""What commands print: words, tables, YAML."""
