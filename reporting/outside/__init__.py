"""Reports made elsewhere: ``documents`` keeps and finds them, ``pages`` shows them."""
