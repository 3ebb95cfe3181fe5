"""`sagemaker-runtime`: a campaign asked as an endpoint, about pairs of customer and product or rows of features."""
