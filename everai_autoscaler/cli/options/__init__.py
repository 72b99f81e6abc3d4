"""What commands take: options, files, manifests."""
