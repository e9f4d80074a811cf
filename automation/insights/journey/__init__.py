"""The journey map: stages and who stands in them, touchpoints and what is measured at them."""
