"""Files in and out: orders (CSV), market settings (TOML), results. Decimals go no further than here."""
