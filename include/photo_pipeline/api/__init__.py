"""The upload API and the gallery: how customers send photos in and look at them."""
