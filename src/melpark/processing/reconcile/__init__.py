"""PostgreSQL against silver: the same rows, by count and by hash; what silver lacks can be captured again."""
