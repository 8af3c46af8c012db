"""The demo: the review of documents, over real files."""
