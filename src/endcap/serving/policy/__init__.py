"""What happens to a slate after the models: promotions."""
